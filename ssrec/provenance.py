"""What every result says of where it comes from: the rules that it was measured by, and what it took to make it."""

import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from ssrec import protocol
from ssrec.candidates import FULL, Candidates
from ssrec.data.split import Splits

DECIDING = ("ssrec", "conf", "pyproject.toml", "constraints.txt")  # a table or a test that changes changes no result
DIRTY = "-dirty"  # how a commit ends from which files differ
PACKAGES = ("ssrec", "torch", "pytorch-lightning", "polars")


def rules(
    splits: Splits, strata: Mapping[str, Bool[Tensor, "B"]], content: Mapping[str, Any], candidates: Candidates | None
) -> dict[str, Any]:
    """The `protocol` of a result: facts of its split, tested rows of each stratum, and the settings that rank.

    Args:
        splits: as they are ranked, without the targets that were dropped.
        strata: masks of the test's rows by name.
        content: the run's config, plain.
        candidates: the rule that says what is ranked; None: the full catalogue.
    """
    asked = splits.test.asked
    return {
        **splits.facts,
        **{f"n_test_{name}": int((rows & asked).sum()) for name, rows in strata.items()},
        **protocol.stored(content, candidates.words if candidates else FULL),
    }


def ending(*, started: float, seed: int, processes: int) -> dict[str, Any]:
    """What a result ends with, since `started` by `time.perf_counter`: seconds, memory, time, commit, packages."""
    return {
        "processes": processes,
        "seconds": time.perf_counter() - started,
        "peak_memory_mb": peak_memory_mb(),
        "seed": seed,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def peak_memory_mb() -> dict[str, float]:
    """The largest memory that this process has had, and the GPU's, in MB (1e6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6}
    if torch.cuda.is_available():
        peak["gpu"] = torch.cuda.max_memory_allocated() / 1e6
    return peak


@cache
def commit() -> str | None:
    """The commit of ssrec's own checkout when this was first asked, which is that of the code that runs; None for an
    installed package."""
    return commit_of(Path(__file__).parent.parent)


def commit_of(root: Path) -> str | None:
    """The commit of a checkout, with `-dirty` behind it where code or configs differ from it, or are not in it."""
    if not (root / ".git").exists():  # git would look further up, and find the repository of a virtual environment
        return None
    git = ["git", "--no-optional-locks", "-C", str(root)]
    try:
        name = _said([*git, "describe", "--always", "--abbrev=12", "--exclude=*"])
        return name + (DIRTY if _said([*git, "status", "--porcelain", "--", *DECIDING]) else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
