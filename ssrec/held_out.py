"""Ranks held-out rows, and averages over them what metrics make of the rankings."""

from collections.abc import Iterable, Mapping
from typing import cast, final

from jaxtyping import Bool, Float32
from torch import Tensor, nn
from torchmetrics import Metric

from ssrec.candidates import Allowed
from ssrec.data.splits.parted import Name
from ssrec.encodings.encoding import Encoding
from ssrec.metrics.metric import reads_whole, update_all
from ssrec.ranking import MaskSeen, Ranking, ranking
from ssrec.tested import Tested


@final
class HeldOut(nn.Module):
    """Takes passes over the rows of `val` or of `test`, batch by batch; after `report` it begins anew.

    Args:
        metrics: by name; reported as `val/...` and `test/...`.
        strata: masks of the test's rows by name; each gets the metrics again, reported as `test/<stratum>/...`.
        top: how many items the longest list of a metric has.
        mask_seen: whether a row's past is kept out of its ranking; `zero` keeps it there with a score of 0.
        candidates: what the targets of `val` and of `test` are ranked among; None: the full catalogue.
        tested: collects what a test leaves beside its averages.
    """

    def __init__(
        self,
        metrics: Mapping[str, Metric],
        *,
        strata: Mapping[str, Bool[Tensor, "B"]],
        top: int,
        mask_seen: MaskSeen,
        candidates: Mapping[Name, Allowed] | None = None,
        tested: Tested | None = None,
    ):
        super().__init__()
        self.metrics = nn.ModuleDict({part: _clones(metrics) for part in ("val", "test")})
        self.strata_metrics = nn.ModuleDict({name: _clones(metrics) for name in strata})
        for name, rows in strata.items():
            self.register_buffer(f"rows_{name}", rows, persistent=False)
        self.top = top
        self.whole = any(map(reads_whole, metrics.values()))
        self.mask_seen: MaskSeen = mask_seen
        self.candidates = candidates
        self.tested = tested or Tested()

    def validate(self, x: Encoding) -> None:
        update_all(_members(self.metrics["val"]), self._ranked(x, x.scores(), self.top, "val"))

    def test(self, x: Encoding) -> None:
        scores = x.scores()
        found = self._ranked(x, scores, self.tested.depth(self.top, x.batch.target.shape[1]), "test")
        self.tested.add(scores, found, update_all(_members(self.metrics["test"]), found))
        for name, metrics in self.strata_metrics.items():
            update_all(_members(metrics), found.select(self.get_buffer(f"rows_{name}")[x.batch.rows]))

    def _ranked(self, x: Encoding, scores: Float32[Tensor, "B N"], top: int, part: Name) -> Ranking:
        allowed = None if self.candidates is None else self.candidates[part](x.batch.rows)
        return ranking(
            scores,
            x.batch,
            top,
            mask_seen=self.mask_seen,
            allowed=allowed,
            item_vectors=x.item_vectors(),
            whole=self.whole,
        )

    def report(self, part: Name) -> dict[str, Tensor]:
        """The averages over the rows of all processes, every one of which has to ask; a test gathers `tested` too."""
        groups = {part: self.metrics[part]}
        if part == "test":
            self.tested.gather()
            groups |= {f"test/{name}": metrics for name, metrics in self.strata_metrics.items()}
        found = {}
        for group, metrics in groups.items():
            for metric in _members(metrics):
                found |= {f"{group}/{name}": value for name, value in metric.compute().items()}
                metric.reset()
        return found


def _clones(metrics: Mapping[str, Metric]) -> nn.ModuleDict:
    return nn.ModuleDict({name: metric.clone() for name, metric in metrics.items()})


def _members(metrics: nn.Module) -> Iterable[Metric]:
    return cast(Iterable[Metric], cast(nn.ModuleDict, metrics).values())
