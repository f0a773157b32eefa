"""How evenly a metric serves groups of rows."""

from collections.abc import Callable, Sequence
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.metrics.groups import Groups
from ssrec.metrics.metric import RowMean, on_device
from ssrec.ranking import Ranking


@final
class GroupGap(Metric):
    """The largest minus the smallest mean that a metric has over a group of rows, and the smallest over the largest.

    Results are called by the metric and the groups: `ndcg_gap_history@K`, in the metric's unit, 0 the fairest, and
    `ndcg_ratio_history@K`, for metrics from 0 up in [0, 1], 1 the fairest (also where all means are 0). For two groups
    the gap is user-oriented unfairness of Li, Chen, Fu, Ge and Zhang, WWW 2021. Small groups have gaps by chance, so
    groups with fewer than `least_rows` rows do not count; where fewer than two are left there is no result.

    Args:
        metric: makes a mean over rows, for example NDCG.
        groups: makes groups of rows, for example HistoryGroups.
        least_rows: rows with a defined value that a group must have.

    Raises:
        CompositionError: `least_rows` is below 1, or the metric is no mean over rows.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    higher_is_better = None
    full_state_update = False

    def __init__(
        self,
        corpus: Corpus,
        *,
        metric: Callable[[Corpus], RowMean],
        groups: Callable[[Corpus], Groups],
        least_rows: int = 1,
    ):
        super().__init__()
        if least_rows < 1:
            raise CompositionError(f"least_rows={least_rows}: a group that counts has 1 row or more")
        self.metric, self.groups, self.least_rows = metric(corpus), groups(corpus), least_rows
        if not isinstance(self.metric, RowMean):
            raise CompositionError(f"a gap is between means over rows, and {type(self.metric).__name__} is none")
        shape = len(self.metric.ks), self.groups.n
        self.add_state("total", torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("rows", torch.zeros(shape, dtype=torch.long), dist_reduce_fx="sum")
        self.total: Tensor
        self.rows: Tensor

    @property
    def cut(self) -> bool:
        return self.metric.cut

    def update(self, r: Ranking) -> None:
        inside = self.groups(r)
        for i, k in enumerate(self.metric.ks):
            value, defined = self.metric.values(r, k)
            self.total[i] += torch.where(defined, value, 0) @ inside.double()
            self.rows[i] += (inside & defined[:, None]).sum(0)

    def compute(self) -> dict[str, Tensor]:
        found = {}
        for i, label in enumerate(self.metric.labels):
            counted = self.rows[i] >= self.least_rows
            if counted.sum() < 2:
                continue
            low, high = (self.total[i] / self.rows[i])[counted].aminmax()
            name, at, k = label.partition("@")
            found[f"{name}_gap_{self.groups.name}{at}{k}"] = high - low
            found[f"{name}_ratio_{self.groups.name}{at}{k}"] = torch.where(high == low, 1, low / high)
        return found

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        return super()._apply(on_device(fn), exclude_state)
