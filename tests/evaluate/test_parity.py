"""An independent judge (trec_eval, by ir-measures) finds our numbers in the rankings that we write, and so do we."""

import os
from collections.abc import Callable
from pathlib import Path

import ir_measures
import polars as pl
import pytest
from hydra import compose, initialize_config_dir
from ir_measures import AP, RR, P, R, Success, nDCG
from omegaconf import DictConfig

from ssrec.build import canonical_of
from ssrec.cli import main
from ssrec.compose import instantiate
from ssrec.confs import folder as conf
from ssrec.data.split import cut
from ssrec.runs import read
from ssrec.train import plain, stages, train

Ids = dict[str, dict[str, int]]


def targets(config: DictConfig) -> Ids:
    """What the test asks for, by the raw ids of users and items."""
    (stage,) = stages(config)
    canonical = canonical_of(stage, plain(stage))
    test = cut(instantiate(stage.split), canonical).test
    users, items = (table["id"].cast(pl.String).to_list() for table in (canonical.users, canonical.items))
    rows = zip(test.user.tolist(), test.target.values.split(test.target.lengths.tolist()), strict=True)
    return {users[user - 1]: {items[i - 1]: 1 for i in own.tolist()} for user, own in rows}


def lists(file: Path, k: int) -> dict[str, dict[str, float]]:
    """The first k of each list, by rank: ties are in the order that our metrics saw."""
    table = pl.read_parquet(file).filter(pl.col("rank") <= k).with_columns(pl.col("user", "item").cast(pl.String))
    rows = table.group_by("user").agg("item", -pl.col("rank").cast(pl.Float64)).iter_rows()
    return {user: dict(zip(items, ranks, strict=True)) for user, items, ranks in rows}


def theirs(qrels: Ids, file: Path, k: int) -> dict[str, float]:
    run, judge = lists(file, k), ir_measures.pytrec_eval
    found = judge.calc_aggregate([R @ k, nDCG @ k, P @ k, Success @ k, RR], qrels, run)
    # trec_eval divides average precision by R, we by min(K, R).
    precisions = [
        m.value * len(qrels[m.query_id]) / min(k, len(qrels[m.query_id])) for m in judge.iter_calc([AP @ k], qrels, run)
    ]
    return {
        f"test/recall@{k}": found[R @ k],
        f"test/ndcg@{k}": found[nDCG @ k],
        f"test/precision@{k}": found[P @ k],
        f"test/hit_rate@{k}": found[Success @ k],
        f"test/mrr@{k}": found[RR],
        f"test/map@{k}": sum(precisions) / len(qrels),
    }


def assert_all_agree(config: DictConfig, words: list[str], capsys: pytest.CaptureFixture) -> None:
    run = train(config)
    file, ours, qrels = run / "rankings.parquet", read(run)["metrics"], targets(config)
    found = {name: value for k in config.ks for name, value in theirs(qrels, file, k).items()}
    assert {name: ours[name] for name in found} == pytest.approx(found, abs=1e-9, rel=0)
    main(["evaluate", "--rankings", str(file), "--no-floors", f"outputs={config.outputs}", *words])
    judged = read(Path(capsys.readouterr().out.split()[-1]))["metrics"]
    assert {name: judged[name] for name in found} == pytest.approx(found, abs=1e-9, rel=0)
    if config.model._target_.endswith("SASRec"):  # whose scores do not tie, so that whole lists are the same
        assert judged == pytest.approx({name: ours[name] for name in judged}, abs=1e-9, rel=0)


@pytest.mark.parametrize("model", ["model=sasrec", "recipe=popularity", "recipe=markov"])
@pytest.mark.parametrize("split", ["split=leave_one_out", "split=ratio"])
def test_on_a_tiny_world(tiny: Callable[..., DictConfig], capsys, model, split):
    words = ["dataset=synthetic", split, "dataset.users=60", "dataset.items=64", "ks=[5,10]"]
    assert_all_agree(tiny(model, split, "rankings=15"), words, capsys)


@pytest.mark.real
@pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder of datasets")
@pytest.mark.parametrize("dataset", ["ml-100k", "amazon-beauty"])
@pytest.mark.parametrize("recipe", ["sasrec", "markov"])
def test_on_real_data(tmp_path, capsys, dataset, recipe):
    words = [f"dataset={dataset}", "metric=[recall,ndcg,precision,mrr,hit_rate,map,coverage]"]
    short = ["rankings=100", "trainer.max_epochs=1", f"recipe={recipe}", f"outputs={tmp_path}"]
    with initialize_config_dir(str(conf()), version_base="1.3"):
        config = compose("train", overrides=[*words, *short])
    assert_all_agree(config, words, capsys)
