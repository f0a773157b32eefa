"""What the reader of a result must be warned of: stored with it by name, and printed in its row of a table."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from jaxtyping import Float32
from torch import Tensor
from torchmetrics import Metric

from ssrec.ranking import Ranking

PROBES = 64  # items by whose order rows are compared
FLAT = 0.01  # share of rows without an order from which it is worth a warning
UNLIKE = 1.5  # validation and test differ by more than this factor ...
ERRORS = 4.0  # ... and by more than so many standard errors of their difference
FEW = 3  # seeds below which nothing is known of their deviation
Warnings = dict[str, str]  # a sentence by a name of few words


@final
class Watch(Metric):
    """Counts the rows of a test whose order says nothing, and sees whether all rows have one order.

    Orders are compared before anything seen is masked: of all rows on items spread evenly over the catalogue, and in
    each batch also on the list of its first row, for what is personal may concern few items of many.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self.add_state("rows", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("flat", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("first", torch.full((PROBES,), PROBES), dist_reduce_fx="min")
        self.add_state("last", torch.zeros(PROBES, dtype=torch.long), dist_reduce_fx="max")
        self.add_state("unlike", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.rows: Tensor
        self.flat: Tensor
        self.first: Tensor
        self.last: Tensor
        self.unlike: Tensor

    def update(self, scores: Float32[Tensor, "B N"], found: Ranking) -> None:
        if not len(scores):
            return
        self.rows += len(scores)
        self.flat += found.flat.sum()
        probes = torch.linspace(1, scores.shape[1] - 1, PROBES, device=scores.device).long()
        place = scores[:, probes].argsort(dim=1, stable=True).argsort(dim=1)
        self.first = torch.minimum(self.first, place.amin(0))
        self.last = torch.maximum(self.last, place.amax(0))
        items = torch.cat([found.top[0], probes])
        steps = scores[:, items[scores[0, items].argsort()]].diff().sign()  # down the order of the first row
        self.unlike += (steps != steps[0]).any()

    def compute(self) -> dict[str, int]:
        """Rows, those of them that are flat, and 1 under `alike` where all have one order."""
        alike = self.rows > 1 and not self.unlike and torch.equal(self.first, self.last)
        return {"rows": int(self.rows), "flat": int(self.flat), "alike": int(alike)}


def of_lists(watched: Mapping[str, int], *, personal: bool) -> Warnings:
    """Warnings about how a test was ranked; `personal` says whether the model means to rank for each user."""
    found = {}
    rows, flat = watched["rows"], watched["flat"]
    if flat > FLAT * rows:
        found["no order"] = (
            f"{flat:,} of {rows:,} ranked lists have no order: their scores are all the same, or one is NaN"
        )
    if personal and watched["alike"]:
        found["ignores the user"] = f"the ranking is the same for all {rows:,} rows, whoever asks"
    return found


def of_training(done: Mapping[str, int], *, patience: int | None, val_every: int | None = None) -> Warnings:
    """Warnings about where training stopped: BERT4Rec was published stopped up to 30 times too early.

    (Petrov and Macdonald, RecSys 2022.)
    """
    if "best_epoch" not in done:
        return {}
    since, wait = done["epochs"] - done["best_epoch"], max(1 if patience is None else patience, val_every or 1)
    if since >= wait:
        return {}
    return {
        "undertrained": f"the best epoch, {done['best_epoch']}, is within {wait} of the last, {done['epochs']}: "
        "more epochs may be better; raise trainer.max_epochs"
    }


def of_batches(contrasting: Sequence[str], batching: str) -> Warnings:
    """A warning where objectives whose negatives are the other rows of a batch see rows of their own length alone."""
    if not contrasting or batching != "length":
        return {}
    return {
        "contrast by length": f"{', '.join(contrasting)}: with data.batching=length the negatives of a row are rows of "
        "about its length; data.batching=mixed draws them from all"
    }


def of_parts(measured: Mapping[str, Any], monitor: str, rows: tuple[int, int], targets: tuple[int, int]) -> Warnings:
    """A warning where validation and test are further apart than chance puts them.

    The variance of a value within [0, 1] of mean m is at most m (1 - m), so the standard errors are upper bounds. Parts
    whose rows have unlike numbers of targets are not compared: NDCG and others move with that number.
    """
    name, (n_val, n_test) = monitor.partition("/")[2], rows
    per_row = [n / max(of, 1) for n, of in zip(targets, rows, strict=True)]
    if max(per_row) > UNLIKE * min(per_row):
        return {}
    val, test = (float(measured.get(f"{stage}/{name}", float("nan"))) for stage in ("val", "test"))
    if not (0 < val <= 1 and 0 < test <= 1):
        return {}
    error = (val * (1 - val) / n_val + test * (1 - test) / n_test) ** 0.5
    if max(val, test) <= UNLIKE * min(val, test) or abs(val - test) <= ERRORS * error:
        return {}
    return {
        "val and test disagree": f"{name} is {val:.4f} on validation and {test:.4f} on test, beyond chance: "
        "what is selected on the one may not hold for the other"
    }


def of_seeds(seeds: int, *, trained: bool) -> Warnings:
    """A warning about a row of a table that rests on too few seeds; what is fitted in closed form needs one."""
    if not trained or seeds >= FEW:
        return {}
    return {"few seeds": f"{seeds} of at least {FEW} seeds: its deviation is not known"}
