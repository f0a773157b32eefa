"""Questions on a tiny generated world, and a checkout whose state a test decides."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ssrec import provenance

COMMON = [
    *("dataset.users=60", "dataset.items=64", "data.batch_size=16", "ks=[5,10]", "metric=[hit_rate,ndcg]"),
    *("trainer.max_epochs=2", "pretrain.trainer.max_epochs=1"),
]


@pytest.fixture
def question(tmp_path, monkeypatch) -> Callable[[str], Path]:
    """Writes experiments/q/table.yaml with the common overrides of a tiny world, in the working directory."""
    monkeypatch.chdir(tmp_path)

    def written(text: str) -> Path:
        folder = Path("experiments/q")
        folder.mkdir(parents=True, exist_ok=True)
        quoted = ", ".join(f'"{word}"' for word in COMMON)
        (folder / "table.yaml").write_text(f"common: [{quoted}]\nmetrics: [hit_rate@10, ndcg@10]\n{text}")
        return folder

    return written


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """A git that reports the commit 0123456789ab, and as changed what a test writes to the file that this gives."""
    if not (Path(provenance.__file__).parent.parent / ".git").exists():
        pytest.skip("an installed package has no commit")
    files, git = tmp_path / "changed", tmp_path / "bin" / "git"
    files.write_text("")
    git.parent.mkdir()
    git.write_text(f'#!/bin/sh\ncase "$*" in *status*) cat "{files}";; *) echo 0123456789ab;; esac\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent), prepend=":")
    provenance.commit.cache_clear()
    yield files
    provenance.commit.cache_clear()
