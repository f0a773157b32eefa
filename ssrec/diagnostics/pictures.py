"""What a diagnostic shows, as data; `ssrec.diagnostics.png` draws it."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Curves:
    """Lines by name over places 1, 2, ..., in (0, 1] on a logarithmic scale; what is not above 0 is at its foot."""

    title: str
    x: str
    y: str
    lines: Mapping[str, Float[Tensor, "_"]]


@dataclass(frozen=True)
class Points:
    """Points in the plane, each of a named group; the last group is that of all others, in grey."""

    title: str
    places: Float[Tensor, "P 2"]
    group: Int[Tensor, "P"]
    names: tuple[str, ...]


Picture = Curves | Points
