"""Models of every family train one epoch and are tested on every split: several targets, no past, unknown users."""

import pytest
from histories import published

from ssrec import confs
from ssrec.compose import instantiate
from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.sources.synthetic import Synthetic
from ssrec.data.split import cut
from ssrec.runs import read
from ssrec.train import train

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


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> list[str]:
    """The settings of a dataset of 40 users that says the part of each event."""
    folder = tmp_path_factory.mktemp("published")
    canonical = published(prepare(Synthetic(users=40, items=32), Cleaning(), folder))
    canonical.interactions.write_parquet(folder / "events.parquet")
    tables = [f"dataset.interactions={folder}/events.parquet", "dataset.items=null", "dataset.users=null"]
    return ["dataset=table", *tables, "dataset.columns.part=part"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("split", SPLITS)
def test_an_epoch_and_its_test(tiny, world, tmp_path, split, model):
    few = ["trainer.max_epochs=1", "metric=[ndcg,recall,coverage]"]
    config = tiny(f"split={split}", f"model={model}", *world, *few, *MODELS[model])
    result = read(train(config))
    metrics, facts = result["metrics"], result["protocol"]
    assert all(0 <= metrics[f"{stage}/ndcg@10"] <= 1 for stage in ("val", "test"))
    assert facts["split"] == split and facts["n_test"] > 0 and facts["history"] in ("growing", "frozen")
    splits = cut(instantiate(config.split), prepare(instantiate(config.dataset), Cleaning(), tmp_path / "data"))
    assert facts["n_test_targets"] == len(splits.test.target.values)
    if model == "ease" and split not in ("cold_items", "cold_users", "leave_one_out"):
        assert metrics["test/ndcg@10"] > 0, "nothing that is held out could be ranked"
