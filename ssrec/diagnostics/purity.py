"""Whether an item's neighbours are of its category."""

from collections.abc import Mapping, Sequence
from typing import final

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.vectors import blocks, drawn, unit
from ssrec.nn import require


def neighbour_purity(
    x: Float64[Tensor, "M D"], labels: Int[Tensor, "M"], ks: Sequence[int], asked: Int[Tensor, "Q"]
) -> dict[int, Float64[Tensor, ""]]:
    """By k, the share of the k nearest other rows with the label of a row, a mean over the rows `asked`, in [0, 1].

    Nearest by dot product, so by cosine where rows have unit length; higher is purer. NaN for a k without k other rows.
    """
    unknown = {k: x.new_tensor(torch.nan) for k in ks if k >= len(x)}
    possible = [k for k in ks if k < len(x)]
    if not possible:
        return unknown
    totals, start = x.new_zeros(len(possible)), 0
    for block in blocks(x[asked], len(x)):
        own = asked[start : start + len(block)]
        closeness = block @ x.T
        closeness[torch.arange(len(block)), own] = -torch.inf
        nearest = closeness.topk(max(possible), dim=1).indices
        same = (labels[nearest] == labels[own, None]).double()
        totals += torch.stack([same[:, :k].mean(1).sum() for k in possible])
        start += len(block)
    return dict(zip(possible, totals / len(asked), strict=True)) | unknown


def chance(labels: Int[Tensor, "M"]) -> Float64[Tensor, ""]:
    """The purity of neighbours drawn at random: the share of pairs of different rows that share their label."""
    sizes = torch.bincount(labels).double()
    n = float(len(labels))
    return (sizes * (sizes - 1)).sum() / (n * (n - 1))


def labelled(seen: Seen) -> tuple[Float[Tensor, "L D"], Int[Tensor, "L"]]:
    """The trained items that have a category, and the first one of each."""
    assert seen.corpus.attributes is not None  # `needs` says so
    labels = seen.corpus.attributes.labels()[seen.ids]
    return seen.items[labels > 0], labels[labels > 0]


@final
class Purity(Diagnostic):
    """`purity@k`: `neighbour_purity` of item vectors by first category; `purity_chance`: that of random neighbours.

    Over trained items with a category, by cosine.

    Args:
        corpus, data, every: see `Diagnostic`.
        ks: how many neighbours.
        sample: items drawn at most, whose neighbours are looked for among all.
    """

    needs = frozenset({"attributes"})
    undefined = "too few trained items have a category and a vector that is not zero"

    def __init__(
        self,
        corpus: Corpus,
        data: Mapping[str, str],
        *,
        ks: Sequence[int] = (10,),
        sample: int = 8192,
        every: int | None = None,
    ):
        super().__init__(corpus, data, every=every)
        require(len(ks) > 0 and min(ks) > 0, f"diagnostic purity: ks is {list(ks)}; it takes numbers from 1, as [10]")
        require(sample > 0, f"diagnostic purity: sample={sample} must be at least 1")
        self.ks = tuple(ks)
        self.sample = sample

    def __call__(self, seen: Seen) -> Found:
        items, labels = labelled(seen)
        pointing = items.any(1)  # a zero vector has no neighbours
        items, labels = unit(items), labels[pointing]
        shares = neighbour_purity(items, labels, self.ks, drawn(len(items), self.sample))
        return Found({**{f"purity@{k}": share for k, share in shares.items()}, "purity_chance": chance(labels)})
