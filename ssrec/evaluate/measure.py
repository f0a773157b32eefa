"""Lists -> the numbers of a result: all metrics, whole and by stratum, and the accuracy of each row."""

from collections.abc import Mapping

from jaxtyping import Bool
from torch import Tensor
from torchmetrics import Metric

from ssrec.data.split import Splits
from ssrec.evaluate.lists import Lists
from ssrec.metrics.metric import reads_whole, update_all
from ssrec.per_user import PerUser

ROWS = 1024  # judged together

Metrics = Mapping[str, Metric]


def readable(metrics: Metrics, *, complete: bool) -> dict[str, Metric]:
    """The metrics that lists can answer: those of whole rankings only where every candidate has a place."""
    return {name: metric for name, metric in metrics.items() if complete or not reads_whole(metric)}


def measure(
    lists: Lists, splits: Splits, metrics: Metrics, strata: Mapping[str, Bool[Tensor, "B"]], max_length: int
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Results by name, as training logs them, and what `PerUser.gathered` returns."""
    stages = {"test": dict(metrics)} | {
        f"test/{name}": {key: metric.clone() for key, metric in metrics.items()} for name in strata
    }
    tested = PerUser()
    for rows in splits.test.asked.nonzero().flatten().split(ROWS):
        found = lists.ranking(splits.test, rows, splits.corpus.n_items, max_length)
        tested.add(rows, found.relevant, update_all(metrics.values(), found))
        for name, belongs in strata.items():
            update_all(stages[f"test/{name}"].values(), found.select(belongs[rows]))
    measured = {
        f"{stage}/{name}": float(value)
        for stage, own in stages.items()
        for metric in own.values()
        for name, value in metric.compute().items()
    }
    return measured, tested.gathered()
