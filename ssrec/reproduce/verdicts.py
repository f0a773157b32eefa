"""How the rows of a table differ from one of them, over users and seeds."""

from collections.abc import Mapping, Sequence

from ssrec import per_user
from ssrec.compare.comparable import Run, check_alike, settings
from ssrec.compare.paired import compared
from ssrec.compare.verdict import verdict

LEVEL = 0.95
RESAMPLES = 1000  # they decide intervals of rows with a single seed alone, and a page is filled often


def verdicts(found: Mapping[str, Sequence[Run]], baseline: str, metrics: Sequence[str]) -> dict[str, list[str]]:
    """By row, a sentence for each metric: whether it is better than the baseline, worse, or neither.

    Only of rows and metrics whose users' values were published. Holm's correction is over all these sentences.

    Args:
        found: the published results of each row.
        baseline: a row.
        metrics: those that a table shows.

    Raises:
        UserError: the rows were not measured alike.
        DataError: the values of users cannot be read.
    """
    stored = {row: _stored(runs, metrics) for row, runs in found.items() if runs}
    shared = [metric for metric in metrics if metric in stored.get(baseline, ())]
    others = [row for row, names in stored.items() if row != baseline and shared and set(shared) <= names]
    if not others:
        return {}
    rows = [*others, baseline]
    runs = [run for row in rows for run in found[row]]
    check_alike(runs)
    made, lower = settings(runs, shared, [row for row in rows for _ in found[row]])
    told: dict[str, list[str]] = {}
    for pair in compared(made, shared, level=LEVEL, resamples=RESAMPLES, seed=0, against=baseline):
        told.setdefault(pair.first, []).append(verdict(pair, LEVEL, pair.metric in lower))
    return told


def _stored(runs: Sequence[Run], metrics: Sequence[str]) -> set[str]:
    """The metrics of which all of these runs have the values of users."""
    if not all(run.values.exists() for run in runs):
        return set()
    return set(metrics).intersection(*(per_user.read(run.values).columns for run in runs))
