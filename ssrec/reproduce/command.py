"""`ssrec reproduce FOLDER`: make what a question asks for and lacks, publish it, and fill the tables of its README."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ssrec import provenance
from ssrec.compose import nearest
from ssrec.errors import UserError
from ssrec.fit import processes
from ssrec.reproduce import page
from ssrec.reproduce.asked import Asked, asked
from ssrec.reproduce.deadline import Deadline, Stopped
from ssrec.reproduce.question import Question, read
from ssrec.reproduce.results import published
from ssrec.reproduce.search import named
from ssrec.reproduce.state import MEANING, State, States
from ssrec.reproduce.work import Work
from ssrec.table import render
from ssrec.train import plain

WHERE = ("outputs", "logger", "hardware.accelerator", "hardware.devices", "hardware.strategy")
FAILED = 1  # exit code; 2 is for what a user can mend before anything is made


def main(arguments: list[str], started: float | None = None) -> None:
    """`ssrec reproduce FOLDER [--table T] [--max-minutes M] [--list] [--anew] [--allow-dirty] [key=value ...]`.

    What the question's table.yaml asks for is made in the order of its worth, in the study `<question>/<table>`, where
    runs are found by their fingerprint and killed ones go on. Each is published as soon as it is finished. Of two
    processes that are asked for the same question, neither makes what the other is at. Only a commit is published, for
    nobody can make anything else again: code and configs that differ from it are refused, and with --allow-dirty are
    run without being published.

    `started` is when the command was given, by `time.monotonic`; None: now.

    Raises:
        SystemExit: with code 1, after all others were made, where a run failed or is not published.
        UserError: a table.yaml or an argument that is not understood; hardware that is not here; uncommitted code.
    """
    parser = argparse.ArgumentParser(
        prog="ssrec reproduce",
        usage="ssrec reproduce FOLDER [--table T] [--max-minutes M] [--list] [--anew] [--allow-dirty] [key=value ...]",
        description="Make what the table.yaml of a question asks for and lacks, and fill the tables of its README.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, help="of the question, for example experiments/beauty_sequential")
    parser.add_argument("--max-minutes", type=float, metavar="M", help="stop by then; asked again, it goes on")
    parser.add_argument("--table", action="append", metavar="T", help="only runs of this table; may be said again")
    parser.add_argument("--list", "--dry-run", action="store_true", help="print the runs and how far they are")
    parser.add_argument("--anew", action="store_true", help="also what other settings, data or code have published")
    parser.add_argument("--allow-dirty", action="store_true", help="run uncommitted code, and publish nothing")
    chosen, own = parser.parse_known_args(arguments)
    for word in own:
        if word.startswith("-") or word.partition("=")[0] not in WHERE:
            raise UserError(
                f"ssrec reproduce does not take {word}; what is run stands in table.yaml, and where on the command "
                f"line: {', '.join(WHERE)}"
            )
    deadline = Deadline(chosen.max_minutes, started)
    question = read(chosen.folder)
    for table in chosen.table or []:
        if table not in question.tables:
            raise UserError(f"{chosen.folder} has no table {table}; {nearest(table, question.tables)}")

    def wanted() -> list[Asked]:
        return [r for r in asked(question, chosen.folder, own) if not chosen.table or r.table in chosen.table]

    runs = wanted()
    for stage in [] if chosen.list else [stage for run in runs for stage in run.stages]:
        processes(**plain(stage.hardware))
    commit = provenance.commit()  # of the code that is running, whatever is committed while it does
    if str(commit).endswith(provenance.DIRTY) and not (chosen.list or chosen.allow_dirty):
        raise UserError(
            "the code or its configs differ from the last commit, and what nobody can make again is not published; "
            "commit them,\nor say --allow-dirty to make runs in outputs alone"
        )
    try:
        with deadline.watched():
            states = states_of(question, chosen.folder, runs, download=not chosen.list)
    except Stopped:
        raise UserError("the time was up before all data were read; asked again, it goes on") from None
    if chosen.list:
        print(listed(runs, states))
        return
    work = Work(question, chosen.folder, deadline, commit=commit, publishes=not chosen.allow_dirty)
    try:
        begun: set[str] = set()
        while todo := [(r, s) for r, s in zip(runs, states, strict=True) if s.word != "made" and r.name not in begun]:
            begun |= {run.name for run, _ in todo}
            work.through(todo, anew=chosen.anew)
            runs = [] if work.stopped else wanted()  # a search that is decided now asks for more
            states = states_of(question, chosen.folder, runs, download=True)
    finally:  # also where it is stopped by hand
        if not chosen.allow_dirty:
            print(page.fill(question, chosen.folder))
        print(work.summary(), file=sys.stderr)
    if work.failed:
        sys.exit(FAILED)


def states_of(question: Question, folder: Path, runs: Sequence[Asked], *, download: bool) -> list[State]:
    """How far each run is."""
    there = {table: published(folder, table, named(question, table)) for table in question.tables}
    states = States(there, download=download)
    return [states.of(run) for run in runs]


def listed(runs: Sequence[Asked], states: Sequence[State]) -> str:
    """The runs in the order in which they are made, and what their states mean."""
    lines = pl.DataFrame(
        {
            "": i,
            "table": run.table,
            "row": run.row.name,
            "seed": run.seed,
            "state": state.word,
            "took, or may take": "" if state.seconds is None else duration(state.seconds),
            "note": state.note,
        }
        for i, (run, state) in enumerate(zip(runs, states, strict=True), 1)
    )
    words = dict.fromkeys(state.word for state in states)
    return "\n".join([render(lines, "markdown"), "", *(f"{word}: {MEANING[word]}" for word in words)])


def duration(seconds: float) -> str:
    """`50 s`, `12 min` or `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
