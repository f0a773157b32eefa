"""How the items of a list spread over categories, or over any other column of names."""

from collections.abc import Sequence
from math import log
from typing import ClassVar, final

import torch
from jaxtyping import Float64
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.metrics.metric import RowMean, top_list
from ssrec.metrics.names import item_names
from ssrec.ranking import Ranking


def shares(mass: Float64[Tensor, "B A"]) -> Float64[Tensor, "B A"]:
    """Rows that sum to 1; NaN where a row has no mass."""
    return mass / mass.sum(1, keepdim=True)


def entropy(p: Float64[Tensor, "*B A"]) -> Float64[Tensor, "*B"]:
    """-sum_a p_a log2 p_a, in bits."""
    return -torch.special.xlogy(p, p).sum(-1) / log(2)


@final
class CategoryEntropy(RowMean):
    """-sum_a p_a log2 p_a over the categories a of a top-K list, in bits, averaged over rows; higher is more diverse.

    An item with m categories adds 1/m to each, p_a is the share of a in the sum. From 0 (one category) to
    log2(number of categories). Shannon, Bell System Technical Journal 1948. Items without a category are left out; rows
    without any other do not count.

    Args:
        feature: the column of names that is read.

    Raises:
        CompositionError: the items have no such names.
    """

    name = "category_entropy"
    needs_named: ClassVar[tuple[str, ...]] = ("feature",)
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, feature: str = "attributes", ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        self.names = item_names(corpus, feature, f"metric {self.name}")

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        mass = self.names.list_mass(top_list(r, k))
        return entropy(shares(mass)).clamp(min=0), (mass > 0).any(1)


@final
class CategoryCoverage(RowMean):
    """The share of the catalogue's categories that a top-K list holds, averaged over rows; higher is more diverse.

    In [0, 1]; its best value may be below 1, where a list has fewer places than there are categories. Subtopic recall
    of Zhai, Cohen and Lafferty, SIGIR 2003, over all categories instead of the relevant ones. Rows without any
    candidate do not count.

    Args:
        feature: the column of names that is read.

    Raises:
        CompositionError: the items have no such names.
    """

    name = "category_coverage"
    needs_named: ClassVar[tuple[str, ...]] = ("feature",)
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, feature: str = "attributes", ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        self.names = item_names(corpus, feature, f"metric {self.name}")
        self.n_categories = len(self.names.values.unique())  # that some item has

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        items = top_list(r, k)
        held = (self.names.list_mass(items) > 0).sum(1).double() / self.n_categories
        return held, (items > 0).any(1) & (self.n_categories > 0)
