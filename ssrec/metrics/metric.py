"""A number per row of a `Ranking`, averaged over rows: exact sums, so that batches and processes do not matter."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor, nn
from torchmetrics import Metric

from ssrec.batch import PAD, Corpus
from ssrec.errors import CompositionError
from ssrec.ranking import Ranking


def lengths(corpus: Corpus, ks: Sequence[int]) -> tuple[int, ...]:
    """The list lengths K, checked.

    Raises:
        CompositionError: there is none, one comes twice, is no positive integer, or exceeds the catalogue.
    """
    if not ks or len(set(ks)) < len(ks):
        raise CompositionError(f"ks is {list(ks)}; it takes one or more different list lengths, for example ks=[10,20]")
    for k in ks:
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise CompositionError(f"K={k} in ks is no list length; it takes integers from 1")
        if k > corpus.n_items:
            raise CompositionError(f"K={k} in ks is larger than the catalogue of {corpus.n_items} items; lower it")
    return tuple(ks)


def top_list(r: Ranking, k: int) -> Int[Tensor, "B K"]:
    """The first k items of each row.

    Raises:
        CompositionError: the ranking was made with shorter lists.
    """
    if r.top.shape[1] < k:
        raise CompositionError(f"a metric at K={k} reads a ranking whose top lists have {r.top.shape[1]} items")
    return r.top[:, :k]


def list_mean(table: Float64[Tensor, "N"], items: Int[Tensor, "B K"]) -> tuple[Float64[Tensor, "B"], Bool[Tensor, "B"]]:
    """The mean of `table` over each row's items, padding apart, and whether the row has any."""
    real = items != PAD
    return torch.where(real, table[items], 0).sum(1) / real.sum(1), real.any(1)


def reads_whole(metric: Metric) -> bool:
    """Whether a metric may read ranks beyond the top lists: not if it says that it is cut at K."""
    return not getattr(metric, "cut", False)


def result_names(made: type[Metric], name: str, ks: Sequence[int]) -> list[str]:
    """What the results of a metric's class are called: `<name>@<K>`, or `<name>` where it has no K."""
    return [f"{name}@{k}" for k in ks] if getattr(made, "cut", True) else [name]


def on_device(fn: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Follows a module to another device, and never to another precision: sums stay in double."""
    return lambda tensor: tensor.to(fn(tensor).device)


class RowMean(Metric, ABC):
    """The mean of a value over the rows for which it is defined; `compute` leaves out a K that has no such row."""

    name: ClassVar[str]  # results are called `<name>@<K>`
    # Whether `values` reads no rank beyond k; else K is the whole catalogue, and the result is called `<name>`.
    cut: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset()  # item features that the dataset must have
    per_user: ClassVar[bool] = False  # whether the rows' own values are worth storing
    full_state_update = False

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__()
        self.ks = lengths(corpus, ks)
        self.add_state("total", torch.zeros(len(self.ks), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("rows", torch.zeros(len(self.ks), dtype=torch.long), dist_reduce_fx="sum")
        self.total: Tensor
        self.rows: Tensor

    @property
    def labels(self) -> tuple[str, ...]:
        """What the result at each of `ks` is called."""
        return tuple(f"{self.name}@{k}" if self.cut else self.name for k in self.ks)

    @abstractmethod
    def values(self, r: Ranking, k: int) -> tuple[Float64[Tensor, "B"], Bool[Tensor, "B"]]:
        """The value of each row at list length k, and whether it is defined."""

    def update(self, r: Ranking, kept: dict[str, Tensor] | None = None) -> None:
        """Add rows; each one's own value goes into `kept` by name as well, NaN where undefined."""
        for i, k in enumerate(self.ks):
            value, defined = self.values(r, k)
            self.total[i] += torch.where(defined, value, 0).sum()
            self.rows[i] += defined.sum()
            if kept is not None:
                kept[self.labels[i]] = torch.where(defined, value, math.nan)

    def compute(self) -> dict[str, Tensor]:
        means = self.total / self.rows
        return {label: means[i] for i, label in enumerate(self.labels) if self.rows[i]}

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        return super()._apply(on_device(fn), exclude_state)


def update_all(metrics: Iterable[Metric], r: Ranking) -> dict[str, Tensor]:
    """Add a batch to metrics; returns the rows' own values of those that are stored for each user."""
    kept: dict[str, Tensor] = {}
    for metric in metrics:
        if isinstance(metric, RowMean) and metric.per_user:
            metric.update(r, kept)
        else:
            metric.update(r)
    return kept
