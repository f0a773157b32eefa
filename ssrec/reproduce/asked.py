"""The runs that a question asks for: composed and checked as training does, before any data is read."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from ssrec import runs
from ssrec.audit.command import composed
from ssrec.compose import Plain, locate, nearest
from ssrec.errors import DataError
from ssrec.metrics.metric import result_names
from ssrec.refusal import worded
from ssrec.reproduce.question import FILE, Question, Row
from ssrec.reproduce.search import trials
from ssrec.train import plain, ready


@dataclass(frozen=True)
class Asked:
    """One run: its row of a table, its seed, what `train` takes, and the stages that this becomes."""

    table: str
    row: Row
    seed: int
    config: DictConfig
    stages: Sequence[DictConfig]

    @property
    def name(self) -> str:
        """For people: `SASRec, seed 1 (beauty)`."""
        return f"{self.row.name}, seed {self.seed} ({self.table})"


def asked(question: Question, folder: Path, own: Sequence[str] = ()) -> list[Asked]:
    """All runs of a question that can be told by now, those of most worth first.

    By the rows' `worth`, then every row's first seed before any row's second, then as the file has them. Of a row with
    a search: the first seed of every trial, and the other seeds of the one that was chosen, once that is known.

    Args:
        question: what the folder's table.yaml says.
        folder: of the question; its name is the first part of the study.
        own: overrides of the command line, after all others; they say where runs are made, not which.

    Raises:
        DataError: a row that does not compose, or asks for what another one does; metrics that no run reports.
    """
    found: list[tuple[float, int, Asked]] = []
    for table, node in question.tables.items():
        same: dict[str, str] = {}
        for row, seeds in trials(question, folder, table):
            where = f"{folder / FILE}: tables.{table}, row {row.name}"
            overrides = [*question.common, *node.overrides, *row.overrides, *own]
            try:
                config, stages = _composed(overrides, f"{folder.resolve().name}/{table}")
            except Exception as error:
                if (lines := worded(error, overrides)) is None:
                    raise
                raise DataError(f"{where}: {'; '.join(lines).removeprefix('ssrec: ')}") from None
            content = plain(stages[-1])
            for metric in question.metrics_of(table):
                _check_metric(where, metric, content)
            key = json.dumps([_key(plain(stage)) for stage in stages])
            if key in same:
                raise DataError(f"{where} asks for the very runs of row {same[key]}; leave one of them out")
            same[key] = row.name
            for place, seed in enumerate(seeds):
                order = math.inf if row.worth is None else row.worth
                found.append((order, place, Asked(table, row, seed, *_seeded(config, stages, seed))))
    return [run for *_, run in sorted(found, key=lambda f: f[:2])]


def _composed(overrides: list[str], study: str) -> tuple[DictConfig, list[DictConfig]]:
    config = composed(overrides)
    config.study = study
    return config, ready(config)[0]


def _seeded(config: DictConfig, stages: Sequence[DictConfig], seed: int) -> tuple[DictConfig, list[DictConfig]]:
    copies = [node.copy() for node in (config, *stages)]
    for copy in copies:
        if copy.seed == config.seed:  # else a pretraining that has one of its own
            copy.seed = seed
    return copies[0], copies[1:]


def _key(content: Plain) -> list[str]:
    """What two runs that are the same have in common, without a look at their data."""
    return [json.dumps([content["dataset"], content["clean"]], sort_keys=True), runs.fingerprint(content, "", None)]


def _check_metric(where: str, metric: str, content: Plain) -> None:
    known = list(_reported(content))
    if metric in known:
        return
    open_ended = any(locate(n["_target_"], m).higher_is_better is None for m, n in content["metric"].items())
    if open_ended and ("_gap_" in metric or "_ratio_" in metric):  # of groups, which name their results themselves
        return
    raise DataError(f"{where} does not report {metric}; {nearest(metric, known)}")


def _reported(content: Plain) -> Iterator[str]:
    """The names of a run's results, also on the rows of each stratum."""
    strata: Mapping[str, object] = content["stratum"] or {}
    for name, node in content["metric"].items():
        for result in result_names(locate(node["_target_"], f"metric.{name}"), name, node.get("ks", content["ks"])):
            yield from (result, *(f"{stratum}/{result}" for stratum in strata))
