"""The small search of a row: its trials, and which of them the validation rows chose."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ssrec.reproduce.question import Question, Row
from ssrec.reproduce.results import Published, published


def named(question: Question, table: str) -> dict[str, Sequence[int]]:
    """The seeds that a table may have results of, by the names of its rows and their trials."""
    rows = question.tables[table].rows
    return {trial.name: question.seeds_of(table, row) for row in rows for trial in row.trials}


def trials(question: Question, folder: Path, table: str) -> list[tuple[Row, Sequence[int]]]:
    """What a table asks for by now: rows, and trials of those that search, with their seeds."""
    found: list[tuple[Row, Sequence[int]]] = []
    made = chosen(question, folder, table)
    for row in question.tables[table].rows:
        seeds = question.seeds_of(table, row)
        best = made[row.name]
        if question.tables[table].searched is None:
            found += [(trial, seeds if trial == best else seeds[:1]) for trial in row.trials]
        elif best is not None:
            found.append((best, seeds))
    return found


def chosen(question: Question, folder: Path, table: str) -> Mapping[str, Row | None]:
    """By row, the trial of the highest `monitor` on validation; None while one of them is neither made nor failed.

    The first of those that are equal; a row that searches nothing is its own choice.
    """
    decides = question.tables[table].searched or table
    there = published(folder, decides, named(question, decides))
    deciding = {row.name: row for row in question.tables[decides].rows}
    found = {}
    for row in question.tables[table].rows:
        if row.search:
            name = _best(row, question.seeds_of(decides, deciding[row.name])[0], there)
            found[row.name] = next((trial for trial in row.trials if trial.name == name), None)
        else:
            found[row.name] = row.trials[0]
    return found


def _best(row: Row, seed: int, there: Published) -> str | None:
    values: dict[str, float] = {}
    for trial in row.trials:
        if (trial.name, seed) in there.runs:
            result = there.runs[trial.name, seed].result
            result = result.get("selected", result)  # a refit has nothing left to be chosen by
            values[trial.name] = result["metrics"][result["config"]["monitor"]]
        elif (trial.name, seed) not in there.failures:
            return None
    return max(values, key=values.__getitem__) if values else None


def told(question: Question, folder: Path, table: str) -> Mapping[str, str]:
    """By row that searches, how far that is and what it chose."""
    decides = question.tables[table].searched or table
    where = "" if decides == table else f" in {decides}"
    there, best = published(folder, decides, named(question, decides)), chosen(question, folder, table)
    made = {name for name, _ in there.runs}
    found = {}
    for row in (row for row in question.tables[table].rows if row.search):
        choice = best[row.name]
        if choice is None:
            n = sum(trial.name in made for trial in row.trials)
            found[row.name] = f"search{where}: {n} of {len(row.trials)} trials"
        else:
            words = choice.overrides[len(row.overrides) :]
            found[row.name] = f"search{where} of {len(row.trials)}: {' '.join(words) or 'its own settings'}"
    return found
