"""Stored runs that may be set against each other: found by name, refused unless they answer the same questions."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch

from ssrec import per_user, protocol
from ssrec.compare.setting import Setting
from ssrec.errors import UserError
from ssrec.labels import labels
from ssrec.table import read_result, stored_in


@dataclass(frozen=True)
class Run:
    """A finished run: where it is, its folder or the file of a published result, and its result."""

    place: Path
    result: Mapping[str, Any]

    @property
    def file(self) -> Path:
        """The file of its result."""
        return self.place / "result.json" if self.place.is_dir() else self.place

    @property
    def values(self) -> Path:
        """The file of its users' values."""
        return per_user.file_of(self.place)


def named(names: Sequence[str], base: Path) -> list[Run]:
    """The finished runs in these places, each once: folders of runs, studies, folders of published results, their
    files, or globs of them.

    Of a study, runs that others start from, and those that selected for a refit, are left out, unless they are named
    themselves.

    Raises:
        UserError: a name holds no run.
        DataError: a result cannot be read.
    """
    direct: dict[Path, None] = {}
    listed: dict[Path, None] = {}
    for name in names:
        places = [base / name] if (base / name).exists() else [Path(p) for p in sorted(glob.glob(str(base / name)))]
        own = [p for p in places if (p / "result.json").exists() or p.suffix == ".json"]
        below = [f for p in places if p not in own for f in stored_in(p)]
        if not own and not below:
            raise UserError(
                f"{name} holds no finished run; name a run's folder (<outputs>/<study>/<fingerprint>), a study's, a "
                "folder of published results, or a glob of them"
            )
        direct |= dict.fromkeys(p.resolve() for p in own)
        listed |= dict.fromkeys((p.parent if p.name == "result.json" else p).resolve() for p in below)
    runs = [_read(place) for place in direct | listed]
    before = [run.result.get(key) for run in runs for key in ("init", "selected")]
    starts = {result["fingerprint"] for result in before if result}
    kept = [run for run in runs if run.place in direct or run.result["fingerprint"] not in starts]
    return list({run.result["fingerprint"]: run for run in reversed(kept)}.values())[::-1]


def _read(place: Path) -> Run:
    return Run(place, read_result(Run(place, {}).file))


def shared(runs: Sequence[Run]) -> frozenset[str]:
    """The metrics of which every one of these runs stored the values of its users.

    Raises:
        DataError: a run stored none, or they cannot be read.
    """
    return frozenset.intersection(*(frozenset(check_metrics(run, None)) for run in runs))


def check_alike(runs: Sequence[Run]) -> None:
    """Whether all runs have the same data, split and protocol.

    Raises:
        UserError: two have not; names what differs and both values.
    """
    first, rules = runs[0], _rules(runs[0].result)
    for run in runs[1:]:
        own = _rules(run.result)
        for key in [*rules, *(k for k in own if k not in rules)]:
            one, other = (r.get(key, "not stored") for r in (rules, own))
            if one != other:
                raise UserError(
                    f"these runs do not compare: {key} is {one} in {first.place}\nand {other} in {run.place}"
                )


def _rules(result: Mapping[str, Any]) -> dict[str, Any]:
    """What decides which rows are asked and how they are ranked; counts (`n_...`) follow from it."""
    data = {f"dataset.{key}": result["dataset"][key] for key in ("name", "fingerprint")}
    asked = {k: v for k, v in result["protocol"].items() if k not in protocol.TRAINED}
    rules = {f"protocol.{k}": v for k, v in asked.items() if not k.startswith("n_")}
    return data | rules | {"dataset.split": result["dataset"]["split"]}  # a digest: last, for it says the least


def settings(
    runs: Sequence[Run], metrics: Sequence[str], names: Sequence[str] | None = None
) -> tuple[list[Setting], frozenset[str]]:
    """Runs grouped over seeds, with their users' values, and which of the metrics are better when lower.

    `names` are the settings of the runs; None: they are told apart by the configs.

    Raises:
        UserError: fewer than two settings, two runs of one setting and seed, an unknown metric, or other rows.
        DataError: a run has no values of its users, or they cannot be read.
    """
    groups: dict[str, list[Run]] = {}
    for run, label in zip(runs, names or labels([run.result for run in runs]), strict=True):
        groups.setdefault(label, []).append(run)
    if len(groups) < 2:
        raise UserError(f"all runs are of one setting, {next(iter(groups))}; name runs of two or more")
    for label, group in groups.items():
        _check_seeds(label, group)
    tables = {run.place: _values(run, metrics) for run in runs}
    _check_rows(tables)
    made = []
    for label, group in groups.items():
        group.sort(key=lambda run: run.result["seed"])
        values = {
            m: torch.stack([torch.from_numpy(tables[r.place][m].to_numpy(writable=True)) for r in group])
            for m in metrics
        }
        seeds = tuple(run.result["seed"] for run in group)
        fitted = all(run.result["targets_seen_with_pretraining"] == 0 for run in group)
        made.append(Setting(label, seeds, values, fitted))
    lower = frozenset[str]().union(*(per_user.lower_is_better(run.values) for run in runs))
    return made, lower & frozenset(metrics)


def _check_seeds(label: str, group: Sequence[Run]) -> None:
    of_seed: dict[int, Path] = {}
    for run in group:
        other = of_seed.setdefault(run.result["seed"], run.place)
        if other != run.place:
            raise UserError(
                f"{label} has two runs with seed {run.result['seed']}, whose settings do not differ; name one of them:"
                f"\n{other} and {run.place}"
            )


def check_metrics(run: Run, metrics: Sequence[str] | None) -> list[str]:
    """These metrics, if a run stored them of each user; all that it stored, where none are named.

    Raises:
        UserError: it has not stored one; names the nearest.
        DataError: it stored nothing of its users.
    """
    known = [name for name in per_user.read(run.values).columns if name not in per_user.KEYS]
    for metric in metrics or ():
        if metric not in known:
            from ssrec.compose import nearest  # which takes seconds to import

            raise UserError(f"{run.place} has no values of {metric} for each user; {nearest(metric, known)}")
    return known if metrics is None else list(metrics)


def _values(run: Run, metrics: Sequence[str]) -> pl.DataFrame:
    """A run's rows and their values of the metrics, NaN where undefined."""
    known = check_metrics(run, metrics)
    return per_user.read(run.values).select(*per_user.KEYS, pl.col(known).fill_null(float("nan")))


def _check_rows(tables: Mapping[Path, pl.DataFrame]) -> None:
    (first, rows), *others = ((place, table.select(per_user.KEYS)) for place, table in tables.items())
    for place, own in others:
        if own.equals(rows):
            continue
        if len(own) != len(rows):
            raise UserError(f"these runs do not compare: {first} tested {len(rows)} rows\nand {place} {len(own)}")
        unlike = rows.select(pl.any_horizontal(pl.col(key).ne_missing(own[key]) for key in per_user.KEYS)).to_series()
        at = int(unlike.arg_true()[0])
        one, other = (", ".join(f"{k} {v}" for k, v in table.row(at, named=True).items()) for table in (rows, own))
        raise UserError(f"these runs do not compare: line {at + 1} of {first} is {one}\nand of {place} {other}")
