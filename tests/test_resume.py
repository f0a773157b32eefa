"""Runs that were killed: at any time, with half a checkpoint on disk, or while another process makes the same run."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from ssrec import runs
from ssrec.learner import Learner
from ssrec.train import train

EPOCHS = 80


def asked(outputs: Path, *overrides: str) -> list[str]:
    """What `tiny` composes, as a command."""
    small = ["dataset.users=60", "dataset.items=64", "model.dim=16", "model.layers=1", "data.batch_size=16"]
    command = [sys.executable, "-c", "from ssrec.cli import main; main()", "train"]
    return [*command, *small, "pretrain.trainer.max_epochs=2", "ks=[5,10]", f"outputs={outputs}", *overrides]


def outcome(folder: Path) -> dict:
    """What is the same however often a run was killed."""
    result = runs.read(folder)
    same = ("metrics", "epochs", "steps", "targets_seen", "best_epoch", "fingerprint")
    weights = {name: value.tolist() for name, value in load_file(folder / "encoder.safetensors").items()}
    return {key: result[key] for key in same} | {"weights": weights}


@pytest.fixture
def epochs_trained(monkeypatch):
    """The epochs that this process trains."""
    trained = []
    start = Learner.on_train_epoch_start
    monkeypatch.setattr(
        Learner, "on_train_epoch_start", lambda self: (trained.append(self.current_epoch), start(self))[1]
    )
    return trained


def test_a_run_killed_by_the_system_goes_on_where_it_was(tiny, tmp_path, epochs_trained, capsys):
    settings = (f"trainer.max_epochs={EPOCHS}", "trainer.patience=null")
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # as here: more threads add in another order
    process = subprocess.Popen(asked(tmp_path, *settings, "study=killed"), stderr=subprocess.PIPE, env=alone)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("*/checkpoints/last.ckpt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not list((tmp_path / "killed").glob("*/result.json")), "it was killed too late"

    folder = train(tiny(*settings, "study=killed"))
    said = capsys.readouterr().err
    assert 0 < epochs_trained[0] < EPOCHS
    assert epochs_trained == list(range(epochs_trained[0], EPOCHS))
    assert f"resumes at epoch {epochs_trained[0] + 1} of at most {EPOCHS}" in said
    assert "waiting" not in said, "a killed process holds no lock"
    resumed = outcome(folder)
    shutil.rmtree(folder)
    assert outcome(train(tiny(*settings, "study=unbroken"))) == resumed


def test_phases_and_schedules_go_on_where_they_were(tiny, epochs_trained, monkeypatch):
    """Turns by batches do not end with epochs, and each phase has an optimizer of its own."""
    anneal = "{_target_: ssrec.learning.schedules.Anneal, start: 1.0, end: 0.1, length: 12, by: step}"
    phases = "phases=[{terms: [next_item], batches: 2}, {trained: [encoder.*], optimizer: {lr: 0.01}, batches: 3}]"
    settings = (
        "objective=[next_item,masked_item]",
        f"objective.masked_item.weight={anneal}",
        phases,
        "trainer.max_epochs=6",
        "trainer.patience=null",
    )
    start = Learner.on_train_epoch_start

    def broken(self):
        if self.current_epoch == 3:
            raise ZeroDivisionError
        start(self)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "on_train_epoch_start", broken)
        with pytest.raises(ZeroDivisionError):
            train(tiny(*settings, "study=broken"))
    folder = train(tiny(*settings, "study=broken"))
    resumed = outcome(folder)
    assert epochs_trained == [0, 1, 2, 3, 4, 5]
    shutil.rmtree(folder)
    assert outcome(train(tiny(*settings, "study=unbroken"))) == resumed


def broken_runs(folder: Path):
    """A finished run as a kill, or a bad disk, may leave it: with half a checkpoint, or none of it."""
    for name in ("last.ckpt", "best.ckpt"):
        whole = (folder / "checkpoints" / name).read_bytes()
        for half in (whole[: len(whole) // 2], b"", b"no checkpoint"):
            (folder / "result.json").unlink()
            (folder / "checkpoints" / name).write_bytes(half)
            yield name


def test_half_a_checkpoint_is_not_fatal(tiny, epochs_trained, capsys):
    folder = train(tiny())
    whole = outcome(folder)
    for name in broken_runs(folder):
        epochs_trained.clear()
        capsys.readouterr()
        assert train(tiny()) == folder
        assert "is broken" in capsys.readouterr().err, name
        assert epochs_trained == [0, 1], name
        assert outcome(folder) == whole, name


@pytest.mark.parametrize("stopped", ["early", "at the end"])
def test_a_run_killed_after_training_is_finished_without_training(tiny, epochs_trained, stopped):
    early = ("trainer.max_epochs=30", "trainer.patience=1", "optimizer.lr=0.05")
    overrides = early if stopped == "early" else ("trainer.max_epochs=3",)
    folder = train(tiny(*overrides))
    whole = outcome(folder)
    assert (whole["epochs"] < 30) if stopped == "early" else (whole["epochs"] == 3)
    assert epochs_trained == list(range(whole["epochs"]))
    (folder / "result.json").unlink()
    (folder / "encoder.safetensors").unlink()
    assert train(tiny(*overrides)) == folder
    assert epochs_trained == list(range(whole["epochs"])), "it must not train again"
    assert outcome(folder) == whole


def test_a_second_process_waits_for_the_first_and_takes_its_result(tiny, tmp_path):
    folder = train(tiny())
    stored = (folder / "result.json").read_bytes()
    aside = shutil.move(folder, tmp_path / "aside")
    with runs.claimed(folder, "the first"):
        command = asked(tmp_path, "trainer.max_epochs=2")
        second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert second.stderr is not None
        assert "another process is making it; waiting" in second.stderr.readline()
        shutil.move(aside, folder)
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    assert "already made" in err
    assert Path(out.strip()) == folder
    assert (folder / "result.json").read_bytes() == stored


def test_a_claim_is_given_back_also_after_a_failure(tmp_path, capsys):
    with pytest.raises(ZeroDivisionError), runs.claimed(tmp_path / "run", "a run"):
        raise ZeroDivisionError
    with runs.claimed(tmp_path / "run", "a run"):
        pass
    assert capsys.readouterr().err == ""
    assert os.listdir(tmp_path) == [], "a finished run needs no lock"
