"""Views of item sequences (CL4SRec: Xie et al., ICDE 2022, section III-C), whole-batch operations in torch's generator.

A share of a sequence of n items is `floor(share * n)` items, so that short sequences may come out as they went in.
"""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Int
from torch import Tensor

from ssrec.batch import PAD, Corpus
from ssrec.nn import require


class View(ABC):
    """Right-aligned ids in, right-aligned ids out: the input untouched, no row emptied, no item that was not there."""

    @abstractmethod
    def __call__(self, items: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]: ...


@final
class Crop(View):
    """Keeps a random run of `keep` of each sequence, at least one item."""

    def __init__(self, corpus: Corpus, *, keep: float):
        self.keep = _share("keep", keep)

    def __call__(self, items: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
        place, length = _places(items)
        kept = torch.minimum(_part(self.keep, length).clamp(min=1), length)
        dropped = length - kept
        first = _draw(dropped + 1)
        column = torch.arange(items.shape[1], device=items.device) - dropped + first  # the run moves to the right end
        return torch.where(place >= dropped, items.gather(1, column.clamp(min=0)), PAD)


@final
class Mask(View):
    """Puts the mask token over `rate` of each sequence, at random places."""

    def __init__(self, corpus: Corpus, *, rate: float):
        self.rate = _share("rate", rate)
        self.token = corpus.mask

    def __call__(self, items: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
        _, length = _places(items)
        lot = torch.rand(items.shape, device=items.device).masked_fill(items == PAD, torch.inf)
        rank = lot.argsort(1).argsort(1)
        return torch.where(rank < _part(self.rate, length), self.token, items)


@final
class Reorder(View):
    """Shuffles a random run of `rate` of each sequence."""

    def __init__(self, corpus: Corpus, *, rate: float):
        self.rate = _share("rate", rate)

    def __call__(self, items: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
        place, length = _places(items)
        moved = _part(self.rate, length)
        first = _draw(length - moved + 1)
        inside = (place >= first) & (place < first + moved)
        # a key inside the run is drawn from the run's own stretch of places, so that sorting shuffles the run alone
        key = torch.where(inside, first + moved * torch.rand(items.shape, device=items.device), place)
        return items.gather(1, key.argsort(dim=1, stable=True))


def _share(name: str, value: float) -> float:
    require(0 <= value <= 1, f"{name}={value}: a view changes a share of a sequence, between 0 and 1")
    return value


def _places(items: Int[Tensor, "B T"]) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B 1"]]:
    """Each column's place in its row's sequence, negative in the padding, and the lengths."""
    width = items.shape[1]
    length = (items != PAD).sum(1, keepdim=True)
    return torch.arange(width, device=items.device) - (width - length), length


def _part(share: float, length: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
    """floor(share * length), where what rounding leaves just below a whole number counts as that number."""
    return (share * length.double() + 1e-9).floor().long()


def _draw(n: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
    """Uniform in 0..n-1."""
    return (torch.rand(n.shape, device=n.device) * n).long().minimum(n - 1)  # the product can round up to n
