"""Whole runs that are observed: what is logged where, and that observing changes nothing."""

import csv
import sys
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from safetensors.torch import load_file

from ssrec import confs, runs
from ssrec.batch import Batch
from ssrec.build import canonical_of, split_of
from ssrec.cli import main
from ssrec.compose import instantiate
from ssrec.diagnostics.alignment import alignment
from ssrec.diagnostics.observer import Observer
from ssrec.diagnostics.rankme import rankme
from ssrec.diagnostics.spectrum import singular_values
from ssrec.errors import CompositionError
from ssrec.train import plain, stages, train

STEMS = sorted(f.stem for f in (confs.folder() / "diagnostic").glob("*.yaml"))
ALL = f"diagnostic=[{','.join(s for s in STEMS if s != 'cka')}]"
BOTH = "objective=[next_item,contrast_sequence]"
ONE_STEP = ("trainer.max_epochs=1", "trainer.limit_train_batches=1")
SIDED = ("uniformity", "anisotropy", "rankme", "dead", "probe")
NUMBERS = {
    *(f"{name}_{side}" for name in SIDED for side in ("items", "users")),
    *(f"spectrum_{side}@{k}" for side in ("items", "users") for k in (1, 8)),
    *(f"{kind}/contrast_sequence/{view}" for kind in ("identity", "empty") for view in ("crop", "mask", "reorder")),
    *("alignment", "purity@10", "purity_chance", "map_share", "probe_items_majority", "probe_users_majority"),
    *("popularity_norm_spearman", "popularity_norm_pearson"),
}


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(confs.folder()), version_base="1.3"):
        return compose("train", overrides=list(overrides))


def logged(folder: Path) -> list[dict[str, str]]:
    with (folder / "log/version_0/metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_everything_at_once_and_nothing_of_the_run_changes(tiny):
    """Also during training, at validation."""
    plainly = runs.read(train(tiny(BOTH)))
    folder = train(tiny(BOTH, ALL, *(f"diagnostic.{s}.every=2" for s in STEMS if s != "cka"), "trainer.max_epochs=2"))
    result = runs.read(folder)
    assert result["fingerprint"] != plainly["fingerprint"]
    found = {k: v for k, v in result["metrics"].items() if k not in plainly["metrics"]}
    assert found.keys() == {f"{stage}/{name}" for stage in ("val", "test") for name in NUMBERS}
    assert {k: v for k, v in result["metrics"].items() if k not in found} == plainly["metrics"]
    others = load_file(folder.parent / plainly["fingerprint"] / "encoder.safetensors")
    assert all(torch.equal(v, others[k]) for k, v in load_file(folder / "encoder.safetensors").items())
    kept = {f.name for f in (folder / "diagnostics").iterdir()}
    assert kept == {f"{stage}_{name}.png" for stage in ("val", "test") for name in ("spectrum", "map")}


def test_the_numbers_are_those_of_the_tested_encoder(tiny):
    """By hand: the stored encoder over the test's rows."""
    config = tiny("diagnostic=[rankme,alignment]", "trainer.max_epochs=3")
    folder = train(config)
    (stage,) = stages(config)
    splits, *_ = split_of(stage, plain(stage), canonical_of(stage, plain(stage)).digest)
    held, corpus = splits.test, splits.corpus
    encoder = instantiate(stage.model, corpus).eval()
    encoder.load_state_dict(load_file(folder / "encoder.safetensors"))
    with torch.no_grad():
        rows = torch.arange(len(held))
        past, target = held.past.padded(50), held.target.padded()
        x = encoder(Batch(rows, held.user, past, target, seen=held.past))
        users, items = x.users, x.items
    metrics = runs.read(folder)["metrics"]
    by_hand = {"items": rankme(singular_values(items[corpus.trained])), "users": rankme(singular_values(users))}
    for side, expected in by_hand.items():
        assert metrics[f"test/rankme_{side}"] == pytest.approx(float(expected), rel=1e-4)
    trained = corpus.trained[target[:, 0]]
    expected = alignment(users[trained], items[target[trained, 0]])
    assert metrics["test/alignment"] == pytest.approx(float(expected), rel=1e-4)


def test_at_validation_every_so_many_epochs_where_asked(tiny):
    folder = train(tiny("diagnostic=[rankme,anisotropy]", "diagnostic.rankme.every=2", "trainer.max_epochs=5"))
    rows = logged(folder)
    during = [int(row["epoch"]) for row in rows if row["val/rankme_items"]]
    assert during[:-1] == [1, 3], "epochs 2 and 4; the last line is of the best checkpoint"
    assert len([row for row in rows if row["val/ndcg@10"]]) == 6
    assert "val/anisotropy_items" not in rows[0]
    assert {"val/rankme_items", "test/rankme_items", "test/anisotropy_users"} <= set(runs.read(folder)["metrics"])


@pytest.mark.parametrize(
    "recipe",
    [
        ("model=lightgcn", "objective=[bpr]", "model.dim=8"),
        ("recipe=mult_vae", "model.hidden=16", "model.latent=8"),
        ("model.causal=false", "objective=[masked_item]"),
    ],
    ids=["graph", "bag", "bidirectional"],
)
def test_every_family_with_vectors_is_observed(tiny, recipe):
    metrics = runs.read(train(tiny(*recipe, "diagnostic=[rankme,alignment,probes]")))["metrics"]
    assert {"test/rankme_items", "test/rankme_users", "test/alignment", "test/probe_users"} <= set(metrics)


def test_a_fitted_model_has_nothing_to_report_and_says_so_once(tiny, capsys):
    folder = train(tiny("recipe=markov", ALL, "diagnostic.rankme.every=1"))
    assert runs.read(folder)["metrics"] == runs.read(train(tiny("recipe=markov")))["metrics"]
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("diagnostic")]
    assert said == ["diagnostics: the model has no vectors of users and items, so there is nothing to report"]
    assert not (folder / "diagnostics").exists()


def test_a_diagnostic_that_finds_nothing_says_so(tiny, capsys):
    train(tiny("diagnostic=[views]"))
    assert "diagnostic views found nothing to report\n" in capsys.readouterr().err


def test_a_number_that_is_missing_is_said_and_why(tiny, capsys):
    """There are 64 items, so none has 100 neighbours."""
    result = runs.read(train(tiny("diagnostic=[purity,rankme]", "diagnostic.purity.ks=[5,100,200]", *ONE_STEP)))
    assert {"test/purity@5", "test/purity_chance", "test/rankme_items"} <= result["metrics"].keys()
    told = result["warnings"]["purity incomplete"]
    assert told == (
        "diagnostic purity has no purity@100, purity@200: too few trained items have a category and a vector that is "
        "not zero"
    )
    assert f"warning: {told}\n" in capsys.readouterr().err
    assert "rankme incomplete" not in result["warnings"]


def test_without_pillow_the_numbers_stay(tiny, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    folder = train(tiny("diagnostic=[spectrum,map]"))
    assert "test/map_share" in runs.read(folder)["metrics"]
    assert not (folder / "diagnostics").exists()
    said = capsys.readouterr().err.splitlines()
    assert said.count("pictures are not drawn: Pillow is missing; pip install 'ssrec[plots]'") == 1


def test_two_processes_find_what_one_does(tiny, tmp_path):
    """Of one encoder, which nothing trains further; its rows are shared unevenly."""
    trained = train(tiny("dataset.users=61"))
    every = [f"diagnostic.{s}.every=1" for s in STEMS if s != "cka"]
    settings = (f"init={trained}", "freeze=['*']", BOTH, ALL, *every, "dataset.users=61")
    one = train(tiny(*settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        two = train(tiny(*settings, "hardware=ddp_cpu", f"outputs={tmp_path / 'two'}"))
    found, expected = runs.read(two), runs.read(one)
    assert (found["processes"], expected["processes"], found["steps"]) == (2, 1, 0)
    assert {f"{stage}/{name}" for stage in ("val", "test") for name in NUMBERS} <= expected["metrics"].keys()
    assert found["metrics"] == pytest.approx(expected["metrics"], rel=1e-5, abs=1e-5)
    assert found["warnings"] == expected["warnings"]
    files = [sorted(f.name for f in (run / "diagnostics").iterdir()) for run in (one, two)]
    assert files[0] == files[1] and len(files[0]) == 4


def test_a_pretraining_is_observed_only_where_that_is_asked_for(tiny):
    pretrain = "objective@pretrain.objective=[masked_item]"
    with_it = runs.read(train(tiny(pretrain, "diagnostic=[rankme]")))
    without = runs.read(train(tiny(pretrain)))
    assert with_it["init"]["fingerprint"] == without["init"]["fingerprint"], "the pretraining was made again"
    asked = runs.read(train(tiny(pretrain, "diagnostic@pretrain.diagnostic=[rankme]")))
    assert "test/rankme_items" in asked["init"]["metrics"] and "test/rankme_items" not in asked["metrics"]


def test_no_diagnostic_leaves_the_fingerprint_as_it_was(tiny):
    def digest(*overrides: str) -> str:
        (stage,) = stages(tiny(*overrides))
        content = plain(stage)
        if not content["diagnostic"]:
            del content["diagnostic"]
        return runs.fingerprint(content, "data", None)

    (stage,) = stages(tiny())
    assert runs.fingerprint(plain(stage), "data", None) == digest()
    assert digest("diagnostic=[rankme]") != digest()
    assert digest("diagnostic=[uniformity]") == digest("diagnostic=[uniformity]", "diagnostic.uniformity.sample=8192")
    assert digest("diagnostic=[uniformity]") != digest("diagnostic=[uniformity]", "diagnostic.uniformity.sample=99")


def test_what_does_not_fit_is_refused(tiny, capsys):
    with pytest.raises(CompositionError, match=r"diagnostic\.purity needs attributes"):
        train(composed("diagnostic=[purity]", "dataset=sasrec-file", "dataset.path=x", "metric=[ndcg]"))
    with pytest.raises(CompositionError, match="every=0 epochs must be at least 1"):
        train(tiny("diagnostic=[rankme]", "diagnostic.rankme.every=0"))
    with pytest.raises(CompositionError, match=r"diagnostic\.rankme\.ks is not an argument of RankMe"):
        train(tiny("diagnostic=[rankme]", "+diagnostic.rankme.ks=[1]"))
    with pytest.raises(SystemExit):
        main(["train", "diagnostic=[rankmee]"])
    assert "did you mean rankme?" in capsys.readouterr().err


def test_every_option_is_an_argument_with_its_default():
    (stage,) = stages(composed(f"diagnostic=[{','.join(STEMS)}]", "diagnostic.cka.other=x"))
    content = plain(stage)
    chosen = content["diagnostic"].items()
    bare = {name: {k: v for k, v in node.items() if k.startswith("_") or k == "other"} for name, node in chosen}
    assert runs.fingerprint({**content, "diagnostic": bare}, "data", None) == runs.fingerprint(content, "data", None)


def test_warnings_are_those_of_the_test(tiny, monkeypatch):
    """A rank below all there are is collapse where one asks for that."""
    observers = []
    start = Observer.__init__
    monkeypatch.setattr(Observer, "__init__", lambda self, *a: (observers.append(self), start(self, *a))[1])
    train(tiny("diagnostic=[collapse]", "diagnostic.collapse.rank=1.0", "diagnostic.collapse.every=1"))
    (observer,) = observers
    assert observer.warnings().keys() == {"collapsed items", "collapsed users"}
    train(tiny("diagnostic=[collapse]"))
    assert observers[1].warnings() == {}
    broken = train(tiny("diagnostic=[collapse,rankme]", *ONE_STEP, "optimizer.lr=1e38"))
    assert observers[2].warnings().keys() == {"vectors not finite"}
    assert "test/rankme_items" not in runs.read(broken)["metrics"]
