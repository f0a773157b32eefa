"""What a logger wrote is read back from its files: W&B's offline runs, one a run also in a sweep, and csv."""

import csv
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from ssrec.runs import read
from ssrec.train import train

SWEEP = [
    *("dataset.users=60", "dataset.items=64", "model.dim=16", "model.layers=1", "data.batch_size=16", "ks=[5,10]"),
    *("trainer.max_epochs=2", "pretrain.trainer.max_epochs=1", "objective@pretrain.objective=[masked_item]"),
    *(
        "logger=wandb",
        "study=logged",
        "diagnostic=[spectrum]",
        "+pretrain.optimizer.lr=0.001",
        "optimizer.lr=1e30,0.001",
    ),
]


def records(file: Path) -> Iterator[Record]:
    """The records of an offline run: a log in LevelDB's format, after a header of 7 bytes."""
    data, at, parts = file.read_bytes(), 7, []
    while at + 7 <= len(data):
        left = 2**15 - at % 2**15  # of a block
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(b"".join(parts))
            parts = []


class Offline:
    """An offline run: name, group, config, every logged value by key, exit code and the rows of its table."""

    def __init__(self, file: Path):
        self.id = file.stem.removeprefix("run-")
        self.config, self.logged = {}, {}
        for record in records(file):
            if record.HasField("run"):
                self.name, self.group = record.run.display_name, record.run.run_group
            for item in record.config.update:
                self.config[item.key] = json.loads(item.value_json)
            for item in record.history.item:
                key = item.key or "/".join(item.nested_key)
                self.logged.setdefault(key, []).append(json.loads(item.value_json))
            if record.HasField("exit"):
                self.code = record.exit.exit_code
        tables = list((file.parent / "files/media/table").glob("*.json"))
        self.table = json.loads(tables[0].read_text()) if tables else None


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of two finetunings, the first of which fails, after one pretraining."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "home").mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "XDG"))}
    made = subprocess.run(
        [sys.executable, "-c", "from ssrec.cli import main; main()", "train", "-m", *SWEEP],
        cwd=folder,
        env=clean | {"HOME": str(folder / "home"), "WANDB_CONSOLE": "off"},
        capture_output=True,
        text=True,
    )
    return folder, made


@pytest.fixture(scope="module")
def runs(swept) -> dict[str, Offline]:
    """The runs by the folders that hold their files."""
    folder, _ = swept
    study = folder / "outputs/logged"
    return {f.parts[-4]: Offline(f) for f in sorted(study.glob("*/wandb/offline-run-*/run-*.wandb"))}


def finished(swept) -> dict[str, dict]:
    return {f.parent.name: read(f.parent) for f in (swept[0] / "outputs/logged").glob("*/result.json")}


def test_a_failed_run_of_a_sweep_is_refused_in_words(swept):
    _, made = swept
    assert made.returncode == 2, made.stderr
    lines = made.stderr.splitlines()
    assert [line for line in lines if line.startswith("ssrec:")][-1].endswith("try a lower optimizer.lr")
    assert "Traceback" not in made.stderr
    assert "Warning" not in made.stderr


def test_every_run_is_its_own_also_after_a_failure(swept, runs):
    assert len(runs) == len({run.id for run in runs.values()}) == 3
    assert sorted(run.name for run in runs.values()) == [
        "sasrec: masked_item",
        "sasrec: masked_item -> next_item",
        "sasrec: masked_item -> next_item",
    ]
    assert {run.group for run in runs.values()} == {"logged"}
    failed = set(runs) - set(finished(swept))
    assert {digest: run.code for digest, run in runs.items()} == {d: int(d in failed) for d in runs}
    assert len(failed) == 1


def test_config_losses_metrics_and_table_are_in_the_run(swept, runs):
    for digest, result in finished(swept).items():
        run, stage = runs[digest], result["config"]
        assert run.config.items() >= stage.items()
        assert run.config["model"]["dim"] == 16
        assert run.config["seed"] == 1
        (name,) = stage["objective"]
        epochs = result["epochs"]
        assert len(run.logged[f"train/{name}/{name}"]) == len(run.logged["train/loss"]) == epochs
        for key, value in result["metrics"].items():
            assert run.logged[key][-1] == value
        assert run.table["columns"] == ["metric", "value"]
        assert dict(run.table["data"]) == result["metrics"]
        assert {"val/ndcg@10", "test/ndcg@10", "test/coverage@5"} <= set(result["metrics"])


def test_numbers_and_pictures_of_diagnostics_are_in_the_run(swept, runs):
    (digest,) = (digest for digest, result in finished(swept).items() if result["init"])
    folder = swept[0] / "outputs/logged" / digest
    assert runs[digest].logged["test/spectrum_items@1"] == [read(folder)["metrics"]["test/spectrum_items@1"]]
    ((name,),) = runs[digest].logged["test/spectrum/filenames"]
    (sent,) = folder.glob(f"wandb/offline-run-*/files/{name}")
    assert sent.read_bytes() == (folder / "diagnostics/test_spectrum.png").read_bytes()


def test_nothing_is_written_elsewhere(swept):
    folder, _ = swept
    assert list((folder / "home").iterdir()) == []
    assert [f.name for f in folder.iterdir() if f.name != "home"] == ["outputs"]
    assert {f.name for f in (folder / "outputs").iterdir()} == {"data", "logged"}


def test_offline_is_what_the_user_makes_it(tiny):
    assert tiny("logger=wandb").logger.offline is True
    assert tiny("logger=wandb", "logger.offline=false").logger.offline is False
    assert tiny("logger=wandb", "+logger.entity=me").logger.entity == "me"


def test_csv_holds_losses_and_metrics(tiny):
    folder = train(tiny("logger=csv", "objective=[next_item,contrast_sequence]"))
    with (folder / "log/version_0/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for key in ("train/loss", "train/next_item/next_item", "train/contrast_sequence/info_nce"):
        values = [float(row[key]) for row in rows if row[key]]
        assert len(values) == 2, key
    for row in (row for row in rows if row["train/loss"]):
        parts = float(row["train/next_item/next_item"]) + 0.1 * float(row["train/contrast_sequence/info_nce"])
        assert float(row["train/loss"]) == pytest.approx(parts, rel=1e-5)
    for key, value in read(folder)["metrics"].items():
        assert float([row[key] for row in rows if row[key]][-1]) == pytest.approx(value, rel=1e-6)
    assert "dim: 16" in (folder / "log/version_0/hparams.yaml").read_text()


def test_none_writes_nothing(tiny):
    folder = train(tiny("logger=none"))
    kept = {f.name for f in folder.iterdir()}
    assert kept == {"config.yaml", "result.json", "per_user.parquet", "encoder.safetensors", "checkpoints"}
