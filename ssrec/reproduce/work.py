"""Making the runs of a question, one after the other, whatever becomes of any of them."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import final

import torch

from ssrec import runs
from ssrec.errors import DataError, UserError
from ssrec.provenance import DIRTY
from ssrec.reproduce.asked import Asked
from ssrec.reproduce.deadline import Deadline, Stopped
from ssrec.reproduce.question import Question
from ssrec.reproduce.results import publish, record_failure
from ssrec.reproduce.state import State
from ssrec.train import train


@final
class Work:
    """Makes runs until the deadline, and keeps count.

    Args:
        question, folder: what the runs belong to.
        deadline: when to stop.
        commit: of the code.
        publishes: whether results and failures are written to the folder, or runs to outputs alone.
    """

    def __init__(self, question: Question, folder: Path, deadline: Deadline, *, commit: str | None, publishes: bool):
        self._question = question
        self._folder = folder
        self._deadline = deadline
        self._commit = commit
        self._publishes = publishes
        self._todo: list[tuple[Asked, State]] = []
        self.stopped = False
        self.done = 0
        self.older = 0
        self.failed: list[str] = []  # sentences

    def through(self, todo: Sequence[tuple[Asked, State]], *, anew: bool) -> None:
        """Make these runs: first what is missing, then what failed before.

        `anew` also makes what other settings, data or code have published, between the two.
        """
        older = [(run, state) for run, state in todo if state.word == "older"]
        failed = [(run, state) for run, state in todo if state.word == "failed"]
        missing = [(run, state) for run, state in todo if state.word not in ("older", "failed")]
        self.older += 0 if anew else len(older)
        self._todo = [*missing, *(older if anew else []), *failed]
        try:
            while self._todo:
                next_ = self._next()
                self._one(*self._todo[next_])
                del self._todo[next_]
        except Stopped:
            self.stopped = True

    def _next(self) -> int:
        """The place of the first run that no other process is making, or of the first."""
        free = (i for i, (_, state) in enumerate(self._todo) if not any(map(runs.busy, state.folders)))
        return next(free, 0)

    def _one(self, run: Asked, state: State) -> None:
        print(f"-- {run.name}; {len(self._todo)} to go", file=sys.stderr)
        try:
            with self._deadline.watched():
                made = train(run.config)
        except (DataError, OSError, MemoryError, torch.OutOfMemoryError) as error:  # of this machine, not of the method
            self._tell(run, str(error) or type(error).__name__)
        except UserError as error:
            self._fails(run, state, " ".join(str(error).split()))
        except Exception as error:
            traceback.print_exc()
            told = (str(error).strip() or type(error).__name__).splitlines()[-1]
            self._fails(run, state, f"{type(error).__name__}: {told}")
        else:
            self._keep(run, made)

    def _keep(self, run: Asked, made: Path) -> None:
        if self._publishes and str(runs.read(made)["commit"]).endswith(DIRTY):
            self._tell(run, f"{made} was made by uncommitted code; delete it, and it is made again")
            return
        if self._publishes:
            publish(made, self._folder, run.table, run.row.name, self._question.metrics_of(run.table))
        self.done += 1

    def _fails(self, run: Asked, state: State, reason: str) -> None:
        self._tell(run, reason)
        if self._publishes and state.folders:
            failure = {"row": run.row.name, "seed": run.seed, "reason": reason, "commit": self._commit}
            record_failure(self._folder, run.table, state.folders[-1].name, failure)

    def _tell(self, run: Asked, reason: str) -> None:
        self.failed.append(f"{run.name}: {reason}")
        print(self.failed[-1], file=sys.stderr)

    def summary(self) -> str:
        """What was made, what failed and what is left, a line each."""
        lines = [f"made: {self.done}; failed: {len(self.failed)}; left: {len(self._todo)}"]
        lines += [f"failed: {sentence}" for sentence in self.failed]
        if self._todo:
            why = "the time is up; " if self.stopped else ""
            lines.append(f"{why}left, in this order: {', '.join(run.name for run, _ in self._todo)}")
        if self.older:
            lines.append(f"published by other settings, data or code than now: {self.older}; --anew makes them again")
        return "\n".join(lines)
