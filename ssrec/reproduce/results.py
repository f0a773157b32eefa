"""What is published of a question: `results/<table>/<fingerprint>.json`, each with the row that it belongs to.

A run's `result.json` gets two keys more: `row`, and the `numerics` that it was made by. Beside it,
`<fingerprint>.parquet` has what each user scored on the table's metrics, and `<fingerprint>.failed` tells of a run that
failed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssrec import per_user, runs
from ssrec.compare.comparable import Run
from ssrec.errors import DataError
from ssrec.table import read_result


def place_of(folder: Path, table: str) -> Path:
    """The folder of a table's results."""
    return folder / "results" / table


@dataclass(frozen=True)
class Published:
    """The results of a table, by row and seed, the failures, and the files that belong to no row."""

    runs: Mapping[tuple[str, int], Run]
    failures: Mapping[tuple[str, int], Mapping[str, Any]]
    strays: Sequence[Path]

    def of(self, row: str, seeds: Sequence[int]) -> list[Run]:
        """The results of a row, those seeds that there are."""
        return [self.runs[row, seed] for seed in seeds if (row, seed) in self.runs]


def published(folder: Path, table: str, seeds: Mapping[str, Sequence[int]]) -> Published:
    """What a folder has of a table whose rows have these seeds.

    Raises:
        DataError: a file is no result, or two are of one row and seed.
    """
    found: dict[tuple[str, int], Run] = {}
    strays: list[Path] = []
    for file in sorted(place_of(folder, table).glob("*.json")):
        run = Run(file, read_result(file))
        key = str(run.result.get("row")), run.result["seed"]
        if key[1] not in seeds.get(key[0], ()):
            strays.append(file)
        elif key in found:
            both = f"{found[key].place} and {file}"
            raise DataError(f"{both} are of row {key[0]}, seed {key[1]}; remove one of them")
        else:
            found[key] = run
    failures = [json.loads(file.read_text()) for file in sorted(place_of(folder, table).glob("*.failed"))]
    return Published(found, {(f["row"], f["seed"]): f for f in failures}, strays)


def publish(made: Path, folder: Path, table: str, row: str, metrics: Sequence[str]) -> Path:
    """Write the files of a finished run, in place of others of the same row and seed; returns that of its result.

    Args:
        made: the run's folder.
        folder: of the question.
        table, row: what the run belongs to.
        metrics: whose values of users are kept, of those that it has.
    """
    result = runs.read(made)
    place = place_of(folder, table)
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{result['fingerprint']}.json"
    run = Run(made, result)
    if run.values.exists():
        stored = per_user.read(run.values).columns
        if kept := [m for m in metrics if m in stored]:
            per_user.publish(run.values, per_user.file_of(file), kept)
    runs.write_json(file, {**result, "row": row, "numerics": runs.NUMERICS})
    for other in _alike(file, ("*.json", "*.failed"), row, result["seed"]):
        if other.suffix == ".json":  # a failure has the name of the run that mends it
            per_user.file_of(other).unlink(missing_ok=True)
        other.unlink()
    return file


def record_failure(folder: Path, table: str, fingerprint: str, failure: Mapping[str, Any]) -> None:
    """Write that a run failed, in place of other failures of its row and seed: `row`, `seed`, `reason` and `commit`."""
    place = place_of(folder, table)
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{fingerprint}.failed"
    file.write_text(json.dumps(dict(failure), indent=1, sort_keys=True) + "\n")
    for other in _alike(file, ("*.failed",), failure["row"], failure["seed"]):
        other.unlink()


def _alike(file: Path, globs: Sequence[str], row: str, seed: int) -> list[Path]:
    """The other files beside one that are of the same row and seed."""
    others = [other for glob in globs for other in file.parent.glob(glob) if other != file]
    told = [json.loads(other.read_text()) for other in others]
    return [other for other, t in zip(others, told, strict=True) if (t.get("row"), t.get("seed")) == (row, seed)]
