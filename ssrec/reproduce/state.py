"""How far each run of a question is: published, finished, begun, failed or missing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from omegaconf import DictConfig

from ssrec import runs
from ssrec.build import canonical_of
from ssrec.errors import DataError
from ssrec.provenance import DIRTY
from ssrec.reproduce.asked import Asked
from ssrec.reproduce.results import Published
from ssrec.train import plain

Word = Literal["made", "older", "finished", "uncommitted", "failed", "partly", "missing"]
MEANING: Mapping[str, str] = {
    "made": "published",
    "older": "published, but made by other settings, data or code than now; --anew makes it again",
    "finished": "to be published",
    "uncommitted": "made by uncommitted code",
    "failed": "tried, and to be tried again after all others",
    "partly": "begun; it goes on from its last checkpoint",
    "missing": "not begun",
}


@dataclass(frozen=True)
class State:
    """How far a run is.

    Args:
        word: see `MEANING`.
        folders: of its stages, the run's own last; empty where its data cannot be read.
        seconds: what making it took, or is going to take, if that was seen of another seed of its row.
        note: why its folders are not known.
    """

    word: Word
    folders: Sequence[Path] = ()
    seconds: float | None = None
    note: str = ""


@final
class States:
    """Looks at runs; every dataset is read once.

    Args:
        published: of each table.
        download: whether data that are not here may be fetched.
    """

    def __init__(self, published: Mapping[str, Published], *, download: bool):
        self._published = published
        self._download = download
        self._digests: dict[str, str | DataError] = {}

    def of(self, run: Asked) -> State:
        """The state of a run."""
        there, key = self._published[run.table], (run.row.name, run.seed)
        try:
            folders = self._folders(run)
        except DataError as error:
            note = str(error).splitlines()[0]
            return State("made" if key in there.runs else "failed" if key in there.failures else "missing", note=note)
        outputs, own = Path(run.config.outputs), folders[-1]
        word: Word = "missing"
        made = own if runs.finished(own) else runs.found(outputs, own.name)
        if key in there.runs and there.runs[key].result["fingerprint"] == own.name:
            word = "made"
        elif made:
            word = "uncommitted" if str(runs.read(made)["commit"]).endswith(DIRTY) else "finished"
        elif key in there.runs:
            word = "older"
        elif key in there.failures:
            word = "failed"
        elif any(any(folder.glob("checkpoints/*.ckpt")) for folder in folders):
            word = "partly"
        return State(word, folders, self._seconds(run, folders, word))

    def _folders(self, run: Asked) -> list[Path]:
        before: str | None = None
        folders: list[Path] = []
        for i, stage in enumerate(run.stages):
            content = plain(stage)
            if i and stage.refit != run.stages[i - 1].refit:
                before = None
            before = runs.fingerprint(content, self._digest(stage), before)
            folders.append(Path(run.config.outputs) / run.config.study / before)
        return folders

    def _digest(self, stage: DictConfig) -> str:
        """The digest of a stage's data.

        Raises:
            DataError: they cannot be read.
        """
        content = plain(stage)
        key = json.dumps([content["dataset"], content["clean"], content["outputs"]], sort_keys=True)
        if key not in self._digests:
            if not self._download and "download" in content["dataset"]:
                stage = stage.copy()
                stage.dataset.download = False
            try:
                self._digests[key] = canonical_of(stage, content).digest
            except DataError as error:
                self._digests[key] = error
        digest = self._digests[key]
        if isinstance(digest, DataError):
            raise digest
        return digest

    def _seconds(self, run: Asked, folders: Sequence[Path], word: Word) -> float | None:
        """Of the last like run, the stages that are still to be made here; of the run itself, if it is made."""
        there = self._published[run.table].runs
        seeds = [run.seed] if word == "made" else [seed for row, seed in there if row == run.row.name]
        like = [there[run.row.name, seed].result for seed in seeds]
        if not like:
            return None
        found = _stages(max(like, key=lambda r: r["finished"]))
        return sum(
            result["seconds"]
            for folder, result in zip(reversed(folders), found, strict=False)
            if word == "made" or not (runs.finished(folder) or runs.found(Path(run.config.outputs), folder.name))
        )


def _stages(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A run's result and those of its stages before it, the last one first: of a refit, all refits come first."""
    stage: Mapping[str, Any] | None = result
    while stage:
        yield stage
        stage = stage.get("init")
    if "selected" in result:
        yield from _stages(result["selected"])
