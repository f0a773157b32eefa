"""A run's folder is its content: `<outputs>/<study>/<fingerprint>`; asking again finds it."""

import hashlib
import inspect
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ssrec.compose import Plain, locate, runs_of
from ssrec.data.feature_settings import Features
from ssrec.errors import CompositionError

NUMERICS = 6  # raised whenever a fix changes results, so that no old result is taken for a new one

AGAIN = ", refit"  # behind the label of what was trained on validation events too

# What was so before it could be said.
_NEUTRAL = {"cold_targets": "miss", "refit": False, "reversed": False, "train_users": 1}

# What does not change a result: where it runs, where it is written, and what the dataset's hash stands for.
_NOT_CONTENT = ("study", "outputs", "logger", "hardware", "dataset", "clean", "pretrain", "init", "hydra")


def _content(node: Any) -> Any:
    """A config without what equals a constructor's default, without nulls and empties: a new option with a neutral
    default leaves every old fingerprint as it was."""
    if isinstance(node, list):
        return [_content(v) for v in node]
    if isinstance(node, float) and node.is_integer():
        return int(node)  # 0 and 0.0 are one setting
    if not isinstance(node, dict):
        return node
    defaults: dict[str, Any] = {}
    if "_target_" in node:
        parameters = inspect.signature(locate(node["_target_"], "")).parameters
        defaults = {k: list(p.default) if isinstance(p.default, tuple) else p.default for k, p in parameters.items()}
    kept = {k: _content(v) for k, v in node.items() if not (k in defaults and defaults[k] == v)}
    return {k: v for k, v in kept.items() if k in defaults or (v is not None and v != [] and v != {})}


def _terms(config: Plain) -> Plain:
    """The objectives of a stage that take part."""
    return {str(name): term for name, term in (config.get("objective") or {}).items() if term["weight"] != 0}


def fingerprint(config: Plain, dataset: str, init: str | None) -> str:
    """16 hex digits of what decides a result.

    Args:
        config: a composed stage, plain and resolved.
        dataset: the digest of the canonical data.
        init: the fingerprint of the run that it starts from.
    """
    stage = {k: v for k, v in config.items() if k not in _NOT_CONTENT and (k not in _NEUTRAL or v != _NEUTRAL[k])}
    if not (stage.get("prior") or {}).get("n"):
        stage.pop("prior", None)  # without items, before which histories they would stand decides nothing
    terms, taught = _terms(config), taught_by(config)
    stage["objective"] = {k: {**t, "loss": {**t["loss"], **taught.get(k, {})}} for k, t in terms.items()}
    if not stage["objective"] and init is None:  # fitted in closed form: nothing of training decides
        for key in ("optimizer", "select", "monitor"):
            del stage[key]
        stage["trainer"] = {k: v for k, v in config["trainer"].items() if k.startswith(("limit_val", "limit_test"))}
        stage["data"] = {"max_length": config["data"]["max_length"]}
    stage["features"] = Features(**config["features"]).settings
    stage["precision"] = config["hardware"]["precision"]
    content = {"config": _content(stage), "dataset": dataset, "init": init, "numerics": NUMERICS}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def taught_by(config: Plain) -> dict[str, dict[str, str]]:
    """The fingerprints of the finished runs that objectives learn from, by objective and argument.

    Raises:
        CompositionError: a folder that holds no finished run.
    """
    found: dict[str, dict[str, str]] = {}
    for name, term in _terms(config).items():
        for argument in runs_of(locate(term["loss"]["_target_"], f"objective.{name}.loss")):
            where, folder = f"objective.{name}.loss.{argument}", term["loss"].get(argument)
            if folder is None or not finished(Path(str(folder))):
                raise CompositionError(f"{where}: {folder} is not the folder of a finished run: it has no result.json")
            found.setdefault(name, {})[argument] = read(Path(str(folder)))["fingerprint"]
    return found


def label(config: Plain, before: Plain | None) -> str:
    """What a run is, in few words: `sasrec: masked_item -> next_item`."""
    model = config["model"]["_target_"].split(".")[-2]
    terms = [str(name) for name, term in (config.get("objective") or {}).items() if term["weight"] != 0]
    steps = [before["label"].partition(": ")[2].removesuffix(AGAIN)] if before else []
    steps += [" + ".join(terms)] if terms else []
    own = f"{model}: {' -> '.join(steps)}" if steps else model
    return own + AGAIN * bool(config.get("refit"))


def finished(folder: Path) -> bool:
    """Whether a run's folder holds its result, which is written last."""
    return (folder / "result.json").exists()


def found(outputs: Path, digest: str) -> Path | None:
    """The folder of a finished run with this fingerprint, in whichever study; a study's name may have two parts."""
    places = (*outputs.glob(f"*/{digest}/result.json"), *outputs.glob(f"*/*/{digest}/result.json"))
    return min(places).parent if places else None


def brought(outputs: Path, folder: Path) -> bool:
    """Copy the finished run of another study to `folder`, if there is one; only who has claimed `folder` may ask."""
    other = found(outputs, folder.name)
    if other is None:
        return False
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        # Under another name than the run's, by which somebody else might find it half copied.
        copy = shutil.copytree(other, Path(scratch) / "run", ignore=shutil.ignore_patterns("checkpoints"))
        shutil.rmtree(folder, ignore_errors=True)  # what a killed run left
        os.replace(copy, folder)
    return True


def busy(folder: Path) -> bool:
    """Whether another process is making this run."""
    file = _lock_of(folder)
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def claimed(folder: Path, label: str) -> Iterator[None]:
    """One process at a time makes a run; another one that asks for it waits, and then looks again.

    The system frees the lock of a process that was killed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = _lock_of(folder)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"{label}: another process is making it; waiting for {folder}", file=sys.stderr)
        lock.acquire()
    try:
        yield
        with suppress(OSError):  # a finished run needs no lock; some systems delete no open file
            file.unlink()
    finally:
        lock.release()


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all."""
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
    os.replace(scratch, path)


def read(folder: Path) -> Plain:
    """The result of a finished run."""
    return json.loads((folder / "result.json").read_text())
