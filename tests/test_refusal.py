"""What a user can mend is one or two lines on stderr and exit code 2, before anything is lost, also in a sweep."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ssrec.cli import VERBS, main

SMALL = ["dataset.users=60", "dataset.items=64", "model.dim=16", "model.layers=1", "trainer.max_epochs=1", "ks=[5,10]"]


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SSREC_DATA", raising=False)


def refused(capsys, *arguments: str) -> str:
    """What `ssrec ...` says on stderr when it refuses."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if line]
    assert 1 <= len(lines) <= 2, said.err
    assert "Traceback" not in said.err
    return said.err


CASES = {
    "an objective that cannot read the model": (
        ["model=lightgcn", "objective=[contrast_sequence]"],
        "reads a SequenceEncoding, but model LightGCN gives a GraphEncoding. Models that fit: ",
    ),
    "a model without an objective": (["model=mult_vae", "objective=[]"], "nothing trains model MultVAE; objectives"),
    "a fitted model with an objective": (["model=popularity"], "say objective=[]"),
    "an unknown key of a part": (["+model.dimm=3"], "model.dimm is not an argument of SASRec; did you mean dim?"),
    "an unknown key without a plus": (["model.dimm=3"], "did you mean model.dim?"),
    "a setting taken away": (["~seed"], "seed is missing; leave ~seed out"),
    "a part without what it needs": (
        ["objective=[contrast_sequence]", "view@objective.contrast_sequence.loss.views=[]"],
        "objective.contrast_sequence.loss lacks views, which ContrastSequence needs: a mapping",
    ),
    "a model without its table": (["~model.table"], "model lacks table, which SASRec needs: a part of its own"),
    "an unknown setting": (["+sed=3"], "unknown key sed; did you mean seed?"),
    "an unknown group": (["modle=sasrec"], "did you mean model?"),
    "an unknown choice": (["model=sasrek"], "did you mean sasrec?"),
    "an unknown class": (["model._target_=ssrec.models.sasrec.SASReck"], "cannot be imported"),
    "an unknown verb's neighbour": (["trainer.max_epoch=3"], "did you mean trainer.max_epochs?"),
    "rows that an objective cannot read": (["data.rows=edge"], "it reads window, prefix"),
    "rows that do not exist": (["data.rows=windows"], "did you mean window?"),
    "objectives without common rows": (
        ["model=lightgcn", "objective=[bpr]", "data.rows=window"],
        "objective bpr cannot read data.rows=window; it reads edge",
    ),
    "a label that a pass would see": (
        ["model.causal=false", "data.rows=window"],
        "would let a position read its label",
    ),
    "attributes that the dataset has not": (
        ["dataset=bare", "table@model.table.sources=[attribute]", "metric=[ndcg]"],
        "model.table.sources.attribute needs attributes",
    ),
    "a vector that the dataset has not": (["table@model.table.sources=[id,image]"], "image needs image, which"),
    "times that a model reads": (
        ["model=tisasrec", "dataset=gowalla"],
        "model needs times, which the dataset does not have",
    ),
    "times that a setting reads": (
        ["model=hstu", "model.time_bias=true", "dataset=gowalla"],
        "model.time_bias=true needs times, which the dataset does not have",
    ),
    "rows for a causal pass that a model has not": (
        ["model=bsarec", "data.rows=window"],
        "objective next_item over data.rows=window would let a position read its label: BSARec has no causal pass",
    ),
    "times that the dataset has not": (["dataset=gowalla", "stratum=[tied]"], "stratum.tied needs times, which"),
    "a cleaning step without its column": (["clean.min_rating=4"], "clean.min_rating=4: synthetic has no weights"),
    "a cleaning setting outside its choices": (["clean.ties=random"], "clean.ties=random: choose file or"),
    "a split that needs the publisher's parts": (["split=given"], "split needs parts, which the dataset does not have"),
    "a features setting outside its choices": (["features.numbers=rank"], "features.numbers=rank: choose"),
    "weights that the model does not read": (
        ["dataset=ml-100k", "model=markov", "objective=[]", "clean.weights=true"],
        "clean.weights=true: Markov counts all events alike; models that do not: popularity",
    ),
    "a trainer's setting among the hardware": (
        ["+hardware.max_steps=1"],
        "hardware.max_steps is not an argument of hardware; known: accelerator, devices, precision, strategy",
    ),
    "what a run fills in itself": (["+trainer.label=x"], "trainer.label is not an argument of trainer"),
    "a seed of the rows' own": (["+data.seed=3"], "data.seed is not an argument of data"),
    "an unknown choice of a list": (["stratum=[tide]"], "did you mean tied?"),
    "an empty value": (["model.dim="], "model.dim is empty, and SASRec takes int"),
    "a value of another type": (["model.dim=big"], "model.dim is 'big', and SASRec takes int"),
    "a setting outside its choices": (["data.batching=sorted"], "data.batching is 'sorted'"),
    "no epoch": (["trainer.max_epochs=0"], "trainer.max_epochs is 0; it takes epochs, at least 1"),
    "no epoch to wait": (["trainer.patience=0"], "trainer.patience is 0; it takes epochs, at least 1"),
    "no epochs between validations": (["trainer.val_every=0"], "trainer.val_every is 0; it takes epochs, at least 1"),
    "a norm that turns gradients around": (["trainer.gradient_clip_val=-1"], "it takes a norm above 0, or null"),
    "no batch to train on": (["trainer.limit_train_batches=0"], "limit_train_batches is 0; it takes a number of"),
    "more than all batches": (["trainer.limit_val_batches=2.5"], "limit_val_batches is 2.5; it takes a number of"),
    "a share of batches that is none": (
        ["trainer.limit_train_batches=0.001"],
        "trainer.limit_train_batches=0.001 leaves none of 1 batches; it takes at least 1/1",
    ),
    "a share of test batches that is none": (
        ["model=popularity", "objective=[]", "trainer.limit_test_batches=0.001"],
        "trainer.limit_test_batches=0.001 leaves none of",
    ),
    "no batch of a pretraining": (
        ["objective@pretrain.objective=[masked_item]", "+pretrain.trainer.limit_train_batches=-1"],
        "limit_train_batches is -1; it takes a number of",
    ),
    "a trainer setting that does not exist": (["+trainer.epochs=3"], "did you mean max_epochs?"),
    "half a node": (
        ["+objective.contrast_sequence.weight=0.3"],
        "has weight and is not chosen; say objective=[next_item,contrast_sequence], or leave out",
    ),
    "a weight that is no number": (["objective.next_item.weight=much"], "it takes a number or a schedule"),
    "a test key as monitor": (["monitor=test/ndcg@10"], "only a val/ key may select"),
    "a training loss as monitor": (["monitor=train/loss"], "only a val/ key may select"),
    "a monitor that no metric gives": (["monitor=val/ndgc@10"], "did you mean val/ndcg@10?"),
    "a monitor that is better when lower": (["monitor=val/gini@10"], "no metric that is better when higher"),
    "a monitor with a K that its metric has not": (
        ["metric=[ndcg,auc]", "monitor=val/auc@10"],
        "that metric has no K; say monitor=val/auc",
    ),
    "a monitor without its K": (["metric=[ndcg,auc]", "monitor=val/ndcg"], "known: val/auc, val/ndcg@10, val/ndcg@5"),
    "a lower rank as monitor": (["metric=[auc,mean_rank]", "monitor=val/mean_rank"], "no metric that is better when"),
    "a K for a metric that has none": (["metric=[ndcg,auc]", "+metric.auc.ks=[5]"], "metric.auc.ks is not an argument"),
    "a normalisation that does not exist": (
        ["metric=[ndcg,ndcg_debiased]", "metric.ndcg_debiased.normalise=user"],
        "metric.ndcg_debiased.normalise is 'user'",
    ),
    "a propensity's power below 0": (
        ["metric=[ndcg,ndcg_debiased]", "metric.ndcg_debiased.eta=-1.0"],
        "metric ndcg_debiased: eta is -1",
    ),
    "a missing folder": (["dataset=ml-100k", "dataset.root=nowhere"], "nowhere"),
    "data that is nowhere": (["dataset=ml-100k", "dataset.download=false"], "SSREC_DATA"),
    "K above the catalogue": (["ks=[10,65]"], "64"),
    "a K that is no list": (["ks=5"], "ks is 5; it takes list lengths, for example ks=[10,20]"),
    "a K that is no length": (["ks=[a]"], "ks is ['a']; it takes list lengths"),
    "bounds that are no list": (
        ["metric=[gap_history,ndcg]", "metric.gap_history.groups.bounds=3"],
        "bounds is 3, and HistoryGroups takes a list of int",
    ),
    "ks of a diagnostic that are no integers": (
        ["diagnostic=[spectrum]", "diagnostic.spectrum.ks=[2.5]"],
        "ks is [2.5], and Spectrum takes a list of int",
    ),
    "a gap of what is no mean over rows": (
        ["metric=[gap_history,ndcg]", "metric.gap_history.metric._target_=ssrec.metrics.coverage.Coverage"],
        "a gap is between means over rows, and Coverage is none",
    ),
    "several values": (["model=sasrec,ligr"], "a list is model=[sasrec,ligr]; -m makes a run of each"),
    "a part that is to be nothing": (["combine=null"], "known: pcgrad, sum, uncertainty"),
    "a value of another kind": (["phases={epochs: 1}"], "Cannot merge DictConfig with ListConfig"),
    "a rate that is no number": (["optimizer.lr=big"], "optimizer cannot be made with lr=big"),
    "one beta of two": (["optimizer.betas=[0.9]"], "optimizer cannot be made with lr=0.001, betas=[0.9]"),
    "a rate below 0": (["optimizer.lr=-1"], "Invalid learning rate: -1"),
    "an override that is no override": (["seed"], "seed"),
    "a seed that is none": (["seed=x"], "seed is 'x'; seeds are 0, 1, 2"),
    "a negative seed": (["seed=-1"], "seed is -1"),
    "an unknown argument of a part": (["split.foo=2"], "split takes history, min_length"),
    "an argument of several other parts": (["split.seed=2"], "split takes history, min_length"),
    "an argument of another part": (["model.betas=[0.9,0.9]"], "did you mean optimizer.betas?"),
    "a column of features without its plus sign": (
        ["features.columns.price.numbers=log", "+features.columns.year.numbers=log"],
        "needs a plus sign: +features.columns.price.numbers=<value>",
    ),
    "a setting of the pretraining without its plus sign": (
        ["pretrain.reversed=true"],
        "sign: +pretrain.reversed=<value>",
    ),
    "settings that are nothing": (["trainer=null"], "trainer is None; it holds settings: say trainer.<key>=<value>"),
    "names for a node that has none, without their plus sign": (
        ["dataset=sparse-matrix", "dataset.vectors={image: image_feat.npy}"],
        "need a plus sign: +dataset.vectors.<name>=<value>",
    ),
    "an argument of a group's file that takes none": (["candidates.n=3"], "did you mean candidates?"),
    "a value that must be named": (["dataset=table"], "name dataset.interactions=<value>"),
    "a value that needs quotes": (["dataset=table", "dataset.separator=;"], """dataset.separator='";"'"""),
    "a list without its end": (["ks=[5,10"], "ks=[5,10"),
    "outputs in a file": (["outputs=a_file/x"], "a_file is a file, not a folder"),
    "outputs that are a file": (["outputs=a_file"], "a_file is a file, not a folder"),
    "outputs where nothing can be": (["outputs=/dev/null/x"], "/dev/null is a file"),
    "a missing start": (["init=nowhere"], "no result.json"),
    "an unknown key in pretrain": (
        ["objective@pretrain.objective=[masked_item]", "+pretrain.optimizer.lrr=1"],
        "lrr",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_in_words(case, capsys, tmp_path):
    overrides, words = CASES[case]
    (tmp_path / "a_file").write_text("")
    if "dataset=bare" in overrides:
        (tmp_path / "conf/dataset").mkdir(parents=True)
        (tmp_path / "conf/dataset/bare.yaml").write_text("_target_: bare.Bare\n")
        (tmp_path / "bare.py").write_text(BARE)
        sys.path.insert(0, str(tmp_path))
    small = [s for s in SMALL if not any(o.startswith(s.split("=")[0] + "=") for o in overrides)]
    if any(o.startswith("dataset=") for o in overrides):
        small = [s for s in small if not s.startswith("dataset.")]
    if any(o.startswith("model=") for o in overrides):
        small = [s for s in small if not s.startswith("model.")]
    try:
        assert words in refused(capsys, "train", *small, *overrides)
    finally:
        if str(tmp_path) in sys.path:
            sys.path.remove(str(tmp_path))


BARE = """
from ssrec.data.source import Source


class Bare(Source):
    name = "bare"
    offers = frozenset()
    settings = {}

    def files(self, raw): ...

    def read(self, files): ...
"""


def write_ml100k(folder: Path) -> None:
    folder.mkdir()
    (folder / "u.data").write_text("1\t1\t5\t881250949\n")
    (folder / "u.item").write_text("not the file\n")
    (folder / "u.genre").write_text("unknown|0\n")


def test_a_wrong_file_is_named(capsys, tmp_path):
    write_ml100k(tmp_path / "ml-100k")
    said = refused(capsys, "train", "dataset=ml-100k", f"dataset.root={tmp_path / 'ml-100k'}")
    assert "u." in said


def test_a_split_without_held_out_rows_is_refused(capsys):
    said = refused(capsys, "train", "dataset.users=20", "dataset.min_events=1", "dataset.max_events=2")
    assert "3" in said


def test_under_a_sweep_the_good_runs_are_kept(capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["train", "-m", *SMALL, "study=s", "ks=[5,10],[5,65]"])
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert "Traceback" not in said.err
    assert len([line for line in said.err.splitlines() if line.startswith("ssrec:")]) == 1
    assert len(list((tmp_path / "outputs" / "s").glob("*/result.json"))) == 1


def test_an_unknown_verb(capsys):
    assert "did you mean train?" in refused(capsys, "trian")


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr("ssrec.train.canonical_of", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["train", *SMALL])


def test_a_file_that_is_missing_from_the_outputs_is_a_bug(monkeypatch, tmp_path):
    """Only what cannot be written is the user's to mend; that is tried, not guessed from the kind of error."""
    monkeypatch.setattr("ssrec.train.run", lambda *a: (tmp_path / "outputs" / "default" / "gone").read_text())
    with pytest.raises(FileNotFoundError):
        main(["train", *SMALL])


def run_unheard(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """`ssrec ... | head -0`: the reader of its output is gone before the first line."""
    reader, writer = os.pipe()
    os.close(reader)
    code = "from ssrec.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    try:
        return subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=folder)
    finally:
        os.close(writer)


@pytest.mark.parametrize("verb", [["matrix"], ["--help"], ["audit", "dataset.users=60", "dataset.items=64"]])
def test_a_reader_that_leaves_is_no_error(tmp_path, verb):
    asked = run_unheard(tmp_path, *verb)
    assert asked.stderr == ""
    assert asked.returncode == 141


def test_another_broken_pipe_is_a_bug(monkeypatch):
    def broken(arguments: list[str]) -> None:
        raise BrokenPipeError

    monkeypatch.setitem(VERBS, "matrix", broken)
    with pytest.raises(BrokenPipeError):
        main(["matrix"])


def test_the_command_exits_with_two_and_without_a_traceback():
    asked = subprocess.run(
        [sys.executable, "-c", "from ssrec.cli import main; main()", "train", "model=lightgcn"],
        capture_output=True,
        text=True,
    )
    assert asked.returncode == 2
    assert "Traceback" not in asked.stderr
    assert len(asked.stderr.strip().splitlines()) <= 2
    assert "objectives that fit" in asked.stderr.lower() or "Objectives that fit" in asked.stderr
