"""Models of every family train one epoch and are tested on every split: several targets, no past, unknown users."""

from pathlib import Path

import pytest
from histories import published

from ssrec import confs
from ssrec.compose import Plain, instantiate
from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.split import cut
from ssrec.make import make
from ssrec.runs import read
from ssrec.train import plain, stages

MODELS = {
    "sasrec": ["objective=[next_item]", "data.rows=window", "model.dim=8", "model.layers=1"],
    "lightgcn": ["objective=[bpr]", "data.rows=edge", "model.dim=8"],
    "mult_vae": ["objective=[elbo]", "data.rows=history", "model.hidden=8", "model.latent=4"],
    "markov": ["objective=[]", "data.rows=window"],
    "ease": ["objective=[]", "data.rows=window"],
}
SPLITS = sorted(file.stem for file in (confs.folder() / "split").glob("*.yaml"))


def test_all_splits_are_tried():
    assert len(SPLITS) == 8


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("split", SPLITS)
def test_an_epoch_and_its_test(tiny, tmp_path, split, model):
    few = ["trainer.max_epochs=1", "metric=[ndcg,recall,coverage]", "dataset.users=40", "dataset.items=32"]
    (config,) = stages(tiny(f"split={split}", f"model={model}", *few, *MODELS[model]))
    canonical = published(prepare(instantiate(config.dataset), Cleaning(), tmp_path / "data"))
    folder = tmp_path / "run"
    content: Plain = plain(config)
    make(config, content, canonical, folder, model, None)
    result = read(folder)
    metrics, facts = result["metrics"], result["protocol"]
    assert all(0 <= metrics[f"{stage}/ndcg@10"] <= 1 for stage in ("val", "test"))
    assert facts["split"] == split and facts["n_test"] > 0 and facts["history"] in ("growing", "frozen")
    splits = cut(instantiate(config.split), canonical)
    assert facts["n_test_targets"] == len(splits.test.target.values)
    if model == "ease" and split not in ("cold_items", "cold_users", "leave_one_out"):
        assert metrics["test/ndcg@10"] > 0, "nothing that is held out could be ranked"
    assert Path(folder / "result.json").exists()
