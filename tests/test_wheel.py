"""The built wheel in an empty folder: configs come with it, a user's own join them, outputs land where it was asked."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ssrec.runs import read

ROOT = Path(__file__).parent.parent
SMALL = ["dataset.users=60", "dataset.items=64", "trainer.max_epochs=1", "ks=[5,10]"]
MINE = """
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import Batch, Corpus
from ssrec.models.encoder import Encoder
from ssrec.encodings.encoding import Lazy
from ssrec.encodings.sequence import SequenceEncoding


class Mine(Encoder):
    def __init__(self, corpus: Corpus, *, dim: int = 8):
        super().__init__(corpus)
        self.mask = corpus.mask
        self.items = nn.Embedding(corpus.mask + 1, dim)
        self.item_rows = corpus.item_rows

    def forward(self, batch: Batch, shared: object = None) -> SequenceEncoding:
        items = Lazy(lambda: self.items.weight[: self.item_rows])
        return SequenceEncoding(batch, self.encode, items, mask=self.mask, causal=True, max_length=50)

    def encode(self, ids: Int[Tensor, "B T"], causal: bool, times: Tensor | None) -> Float[Tensor, "B T D"]:
        return self.items(ids).cumsum(1)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    made = subprocess.run(build, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    (file,) = out.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def ssrec(wheel, tmp_path_factory):
    """Runs the installed command in a folder, without the checkout."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*pip, str(wheel)], check=True)

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
        clean = {k: v for k, v in os.environ.items() if k != "SSREC_DATA"} | {"PYTHONPATH": str(site)}
        command = [str(site / "bin/ssrec"), *arguments]
        return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)

    run.site = site  # type: ignore[attr-defined]
    return run


def test_configs_are_inside(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    configs = {f"ssrec/{file.relative_to(ROOT)}" for file in (ROOT / "conf").rglob("*.yaml")}
    assert len(configs) > 20
    assert configs <= inside
    code = {str(file.relative_to(ROOT)) for file in (ROOT / "ssrec").rglob("*.py")}
    assert code <= inside
    assert not [name for name in inside if name.startswith(("tests", "conf", "experiments")) or "__pycache__" in name]


def test_it_runs_in_an_empty_folder(ssrec, tmp_path):
    made = ssrec(tmp_path, "train", *SMALL, "model.dim=16", "model.layers=1")
    assert made.returncode == 0, made.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["outputs"]
    folder = tmp_path / made.stdout.strip()
    assert folder.parent == tmp_path / "outputs/default"
    result = read(folder)
    assert result["metrics"]["test/ndcg@10"] > 0
    assert result["commit"] is None, "an installed package has no commit"
    table = ssrec(tmp_path, "table", "outputs/default")
    assert "sasrec: next_item" in table.stdout, table.stderr


@pytest.fixture
def own(tmp_path) -> Path:
    """A folder with a model and a recipe of the user's."""
    (tmp_path / "mine.py").write_text(MINE)
    for name, text in {
        "model/mine": "_target_: mine.Mine\ndim: 8\n",
        "recipe/own": "# @package _global_\ndefaults:\n  - override /model: mine\n  - _self_\nseed: 7\n",
    }.items():
        file = tmp_path / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    return tmp_path


def test_a_users_own_folder_joins_also_on_two_processes(ssrec, own):
    made = ssrec(own, "train", *SMALL, "recipe=own", "model.dim=16", "hardware=ddp_cpu")
    assert made.returncode == 0, made.stderr
    result = read(own / made.stdout.strip())
    assert result["config"]["model"] == {"_target_": "mine.Mine", "dim": 16}
    assert result["seed"] == 7
    assert result["processes"] == 2


def test_a_users_own_choices_are_known_to_refusals(ssrec, own):
    made = ssrec(own, "train", *SMALL, "model=mien")
    assert made.returncode == 2
    assert "did you mean mine?" in made.stderr
    assert len(made.stderr.splitlines()) <= 2
    made = ssrec(own, "train", *SMALL, "model=mine", "+model.dimm=3")
    assert "did you mean dim?" in made.stderr


def test_the_checkout_is_not_what_ran(ssrec, tmp_path):
    """Else these tests would show nothing about the wheel."""
    code = "import ssrec, ssrec.confs as c; print(ssrec.__file__, c.folder())"
    environment = os.environ | {"PYTHONPATH": str(ssrec.site)}
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    file, folder = shown.stdout.split()
    assert Path(file).is_relative_to(ssrec.site)
    assert Path(folder) == ssrec.site / "ssrec/conf"
