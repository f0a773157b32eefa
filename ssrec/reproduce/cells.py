"""What a row of a question's table says: its numbers, what was published, and what to know of it."""

from collections.abc import Mapping, Sequence

import polars as pl

from ssrec.compare.comparable import Run
from ssrec.labels import labels
from ssrec.reproduce.question import Row
from ssrec.reproduce.reference import Reference
from ssrec.table import frame, summary


def means(runs: Sequence[Run], metrics: Sequence[str]) -> dict[str, float]:
    """The mean over runs of each metric that all of them have."""
    values = {m: [run.result["metrics"].get(f"test/{m}") for run in runs] for m in metrics}
    return {m: sum(v) / len(v) for m, v in values.items() if v and None not in v}


def numbers(row: Row, runs: Sequence[Run], seeds: Sequence[int], metrics: Sequence[str]) -> dict[str, str]:
    """The cells of a row: seeds, targets seen, each metric with its published value, and `warnings`."""
    count = str(len(seeds)) if len(runs) == len(seeds) else f"{len(runs)} of {len(seeds)}"
    cells = {"seeds": count, "targets seen": "", "warnings": "", **dict.fromkeys(metrics, "")}
    own = means(runs, metrics)
    if runs:
        rows = frame([run.result for run in runs]).with_columns(pl.lit("").alias("dataset"), pl.lit("").alias("run"))
        made = summary(rows, list(own)).row(0, named=True)
        cells |= {key: str(value) for key, value in made.items() if key in cells and key != "seeds"}
    beside = {f"reference {metric}": _beside(row.reference, metric, own) for metric in metrics}
    order = [key for m in metrics for key in (m, f"reference {m}")]
    return {key: (cells | beside)[key] for key in ("seeds", "targets seen", *order, "warnings")}


def _beside(reference: Reference | None, metric: str, own: Mapping[str, float]) -> str:
    """A published value, and by how much ours is off."""
    if reference is None or metric not in reference.values:
        return ""
    value = f"{reference.values[metric]:g}"
    return f"{value} ({100 * reference.off(metric, own[metric]):+.1f} %)" if metric in own else value


def reproduced(row: Row, runs: Sequence[Run]) -> str:
    """Whether all published values of a row are met."""
    if row.reference is None:
        return ""
    own = means(runs, list(row.reference.values))
    if len(own) < len(row.reference.values):
        return "not yet"
    met = all(row.reference.met(metric, value) for metric, value in own.items())
    return f"{'yes,' if met else 'no, not'} {row.reference.words}"


def notes(
    row: Row, runs: Sequence[Run], seeds: Sequence[int], failures: Mapping[tuple[str, int], str], newest: int
) -> list[str]:
    """What is missing, what failed and why, and how a row's runs are unlike each other.

    Args:
        row, runs, seeds: what was asked for, and which of it there is.
        failures: the reason by row and seed.
        newest: the latest numerics of the table's results.
    """
    made = [run.result["seed"] for run in runs]
    failed = {seed: failures[row.name, seed] for seed in seeds if seed not in made and (row.name, seed) in failures}
    told = []
    if missing := [seed for seed in seeds if seed not in made and seed not in failed]:
        told.append(f"missing: {_seeds(missing)}")
    for reason in dict.fromkeys(failed.values()):
        told.append(f"failed: {_seeds([seed for seed in failed if failed[seed] == reason])}: {reason}")
    if len(set(labels([run.result for run in runs]))) > 1:
        told.append("its runs differ in more than their seeds")
    if older := [run.result["seed"] for run in runs if run.result.get("numerics", 0) < newest]:
        told.append(f"made by older code: {_seeds(older)}")
    return told


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
