"""Two processes give what one gives; bf16 ranks in fp32; what a machine has not is refused before any data is read."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

import ssrec.held_out
from ssrec import runs
from ssrec.cli import main
from ssrec.train import train

WORLD = ["dataset.users=61", "dataset.items=64", "model.dim=16", "model.layers=1", "ks=[5,10]"]
# Nothing is drawn at random: no dropout, no sampling, and views that leave a sequence as it is.
EXACT = [
    *("model.dropout=0.0", "objective=[next_item,contrast_sequence]", "data.batching=mixed"),
    *("view@objective.contrast_sequence.loss.views=[crop]", "objective.contrast_sequence.loss.views.crop.keep=1.0"),
    # Two full batches and one of 17 rows: shares of 9 and 8. The projector is not used in the first epoch.
    *("data.batch_size=22", "objective.contrast_sequence.loss.projector=8", "freeze=[leave.bias]"),
    "objective.contrast_sequence.weight={_target_:ssrec.learner.Ramp,value:0.1,first:1}",
    *("trainer.max_epochs=30", "trainer.patience=2", "optimizer.lr=0.002", "rankings=7"),
]
SCRIPT = """
import sys
from hydra import compose, initialize_config_dir
from ssrec import confs
from ssrec.train import train

if __name__ == "__main__":
    with initialize_config_dir(str(confs.folder()), version_base="1.3"):
        config = compose("train", overrides=sys.argv[1:])
    print(train(config))
"""


def logged(folder: Path) -> dict[str, list[float]]:
    """Every value in the csv logs of a run, by name."""
    found: dict[str, list[float]] = {}
    for file in sorted(folder.glob("log/version_*/metrics.csv")):
        with file.open() as f:
            for row in csv.DictReader(f):
                for key, value in row.items():
                    found.setdefault(key, []).extend([float(value)] if value else [])
    return found


def assert_same(folder: Path, one: Path) -> None:
    """The runs had the same epochs, ended with the same weights, and measure the same."""
    result, expected = runs.read(folder), runs.read(one)
    for key in ("fingerprint", "epochs", "best_epoch", "steps", "targets_seen", "protocol"):
        assert result[key] == expected[key], key
    assert result["metrics"] == pytest.approx(expected["metrics"], abs=1e-6, rel=0)
    assert (folder / "per_user.parquet").read_bytes() == (one / "per_user.parquet").read_bytes()
    lists, others = (pl.read_parquet(run / "rankings.parquet") for run in (folder, one))
    assert lists.select("user", "rank").equals(others.select("user", "rank"))
    assert lists["score"].to_list() == pytest.approx(others["score"].to_list(), abs=1e-5)
    weights = load_file(folder / "encoder.safetensors")
    for name, value in load_file(one / "encoder.safetensors").items():
        if not name.endswith("qkv.bias"):  # a softmax does not see the keys' bias: Adam makes steps of rounding noise
            torch.testing.assert_close(weights[name], value, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("hardware")


@pytest.fixture
def one(tiny, folder) -> Path:
    """The run on one process."""
    return train(tiny(*WORLD, *EXACT, f"outputs={folder / 'one'}"))


@pytest.fixture(scope="module")
def swept(folder) -> subprocess.CompletedProcess:
    """A sweep on two processes: the run, and one that fails in them."""
    command = [sys.executable, "-c", "from ssrec.cli import main; main()", "train", "-m"]
    two = [*WORLD, *EXACT, "hardware=ddp_cpu", f"outputs={folder / 'two'}", "optimizer.lr=0.002,1e30"]
    return subprocess.run([*command, *two], capture_output=True, text=True, cwd=folder)


def test_two_processes_train_and_rank_as_one_does(one, swept, folder):
    (two,) = (f.parent for f in (folder / "two").glob("*/*/result.json"))
    assert runs.read(two)["processes"] == 2
    assert runs.read(one)["processes"] == 1
    assert 5 <= runs.read(one)["epochs"] < 30, "it is to be stopped early"
    assert_same(two, one)
    expected, values = logged(one), logged(two)
    assert values.keys() == expected.keys() > {"train/next_item/next_item", "train/contrast_sequence/info_nce"}
    for key in expected:
        assert values[key] == pytest.approx(expected[key], abs=2e-6), key
    assert len(values["train/contrast_sequence/info_nce"]) == len(values["train/loss"]) - 1


def test_what_two_processes_refuse_is_said_in_words(swept):
    assert swept.returncode == 2
    assert "Traceback" not in swept.stderr
    assert "arning" not in swept.stderr
    lines = [line for line in swept.stderr.splitlines() if line and "step/s" not in line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("ssrec: the loss of next_item is nan")
    assert len(swept.stdout.splitlines()) == 1, "the good run's folder"


def children(process: subprocess.Popen) -> list[Path]:
    """Where Linux shows the command lines of a process's children; empty files once they have ended."""
    file = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [Path(f"/proc/{pid}/cmdline") for pid in file.read_text().split()] if file.exists() else []


def test_a_killed_script_on_two_processes_resumes_on_two(one, tiny, folder):
    script = folder / "script.py"
    script.write_text(SCRIPT)
    two = [*WORLD, *EXACT, "hardware=ddp_cpu", f"outputs={folder / 'killed'}"]
    small = ["pretrain.trainer.max_epochs=2"]
    process = subprocess.Popen([sys.executable, str(script), *small, *two], stderr=subprocess.PIPE, cwd=folder)
    deadline = time.monotonic() + 120
    while not list((folder / "killed").glob("*/*/checkpoints/last.ckpt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    started = children(process)
    process.kill()
    process.communicate()
    while any(file.exists() and file.read_bytes() for file in started):
        assert time.monotonic() < deadline, "its processes go on without it"
        time.sleep(0.01)
    assert not list((folder / "killed").glob("*/*/result.json")), "it was killed too late"
    (last,) = (folder / "killed").glob("*/*/checkpoints/last.ckpt")
    states = torch.load(last, weights_only=False)["rng"]
    assert len(states) == 2
    assert not torch.equal(*states), "each process draws its own dropout, views and negatives"
    resumed = train(tiny(*two))
    assert_same(resumed, one)
    assert len(logged(resumed)["train/loss"]) <= runs.read(one)["epochs"]


def test_bf16_trains_and_ranks_in_fp32(tiny, monkeypatch):
    ranked = []
    ranking = ssrec.held_out.ranking

    def watched(scores, *rest, **options):
        ranked.append((scores.dtype, torch.is_autocast_enabled("cpu")))
        return ranking(scores, *rest, **options)

    monkeypatch.setattr("ssrec.held_out.ranking", watched)
    full = train(tiny())
    assert set(ranked) == {(torch.float32, False)}
    ranked.clear()
    half = train(tiny("hardware.precision=bf16-mixed"))
    assert set(ranked) == {(torch.float32, True)}
    assert half.name != full.name
    assert runs.read(half)["config"]["hardware"]["precision"] == "bf16-mixed"
    weights, expected = (load_file(f / "encoder.safetensors") for f in (half, full))
    apart = max(float((weights[k] - v).abs().max()) for k, v in expected.items())
    assert 1e-6 < apart < 0.1, "trained in another precision, and to about the same weights"
    assert all(v.dtype == torch.float32 for v in weights.values())


REFUSED = {
    "a GPU that is not there": (["hardware=gpu"], "hardware=cpu runs on any machine"),
    "GPUs that are not there": (["hardware=ddp"], "hardware=cpu runs on any machine"),
    "no device": (["hardware.devices=0"], "hardware=cpu runs on any machine"),
    "half precision on a CPU": (["hardware.precision=16-mixed"], "say hardware.precision=bf16-mixed"),
    "parameters in half precision": (["hardware.precision=bf16-true"], "it takes 32-true, bf16-mixed, 16-mixed"),
    "another spelling": (["hardware.precision=32"], "it takes 32-true, bf16-mixed, 16-mixed"),
    "a strategy that starts processes itself": (["hardware.strategy=ddp_spawn"], "it takes auto, ddp"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_machine_has_not_is_refused_before_data_is_read(case, capsys, tmp_path, monkeypatch):
    overrides, words = REFUSED[case]
    if overrides[0] in ("hardware=gpu", "hardware=ddp") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["train", *overrides])
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) <= 2
    assert words in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "outputs/data").exists()
