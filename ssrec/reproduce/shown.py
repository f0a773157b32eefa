"""A question's table as markdown: every row that was asked for, made or missing, beside what others published."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from ssrec.compare.comparable import Run
from ssrec.compose import nearest
from ssrec.errors import UserError
from ssrec.reproduce.cells import notes, numbers, reproduced
from ssrec.reproduce.question import FILE, Question, read
from ssrec.reproduce.results import published
from ssrec.reproduce.search import chosen, named, told
from ssrec.reproduce.verdicts import verdicts
from ssrec.table import caption, render


def text_of(words: Sequence[str], folder: Path) -> str:
    """The table that a mark in a question's README names.

    Raises:
        UserError: there is no such table.
        DataError: table.yaml or a result cannot be read.
    """
    question, name = read(folder), " ".join(words)
    if name not in question.tables:
        raise UserError(f"{folder / FILE} has no table {name}; {nearest(name, question.tables)}")
    return shown(question, folder, name)


def shown(question: Question, folder: Path, table: str) -> str:
    """A table, how its rows differ, the caption of its results, and where published values stand."""
    asked, metrics = question.tables[table], question.metrics_of(table)
    seeds = {row.name: question.seeds_of(table, row) for row in asked.rows}
    there = published(folder, table, named(question, table))
    best = {name: trial.name if trial else name for name, trial in chosen(question, folder, table).items()}
    found = {row.name: there.of(best[row.name], seeds[row.name]) for row in asked.rows}
    differ, refused = _compared(found, asked.compare, metrics)
    newest = max((run.result.get("numerics", 0) for run in there.runs.values()), default=0)
    reasons = {key: str(failure["reason"]) for key, failure in there.failures.items()}
    searches, lines = told(question, folder, table), []
    for row in asked.rows:
        runs = found[row.name]
        line = {"row": row.name, **numbers(row, runs, seeds[row.name], metrics)}
        warnings = line.pop("warnings")
        line["reproduced"] = reproduced(row, runs)
        line[f"against {asked.compare}"] = "; ".join(map(_short, differ.get(row.name, ())))
        own = {(row.name, seed): reason for (name, seed), reason in reasons.items() if name == best[row.name]}
        line["search"] = searches.get(row.name, "")
        line["notes"] = "; ".join([*notes(row, runs, seeds[row.name], own, newest), *([warnings] * bool(warnings))])
        lines.append(line)
    sentences = [f"{row} against {asked.compare}: {sentence}" for row in differ for sentence in differ[row]]
    sentences += [f"{row.name} as published: {row.reference.source}" for row in asked.rows if row.reference]
    sentences += [f"no comparison: {refused}"] if refused else []
    sentences += [f"of no row: {file.name}" for file in there.strays]
    parts = [render(_without_empty(pl.DataFrame(lines)), "markdown"), "\n".join(f"- {said}" for said in sentences)]
    if results := [run.result for runs in found.values() for run in runs]:
        parts.append(caption(results, "test"))
    return "\n\n".join(part for part in parts if part)


def _compared(
    found: Mapping[str, Sequence[Run]], baseline: str | None, metrics: Sequence[str]
) -> tuple[dict[str, list[str]], str]:
    """Verdicts by row, or the reason why there are none."""
    if baseline is None:
        return {}, ""
    try:
        return verdicts(found, baseline, metrics), ""
    except UserError as error:
        return {}, " ".join(str(error).split())


def _short(sentence: str) -> str:
    """`better on ndcg@10` of a verdict."""
    return sentence.partition(" by ")[0].partition(":")[0]


def _without_empty(lines: pl.DataFrame) -> pl.DataFrame:
    """A table without the columns of which no row has anything."""
    return lines.select([column for column in lines.columns if (lines[column] != "").any()])
