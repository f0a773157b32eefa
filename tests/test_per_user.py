"""What each row of a test scored, as it is stored beside a result. Two processes: see test_hardware."""

import json

import polars as pl
import pytest
import torch

from ssrec import per_user, runs
from ssrec.batch import Corpus
from ssrec.data.canonical import Canonical
from ssrec.metrics.accuracy import NDCG, Recall
from ssrec.metrics.coverage import Coverage
from ssrec.metrics.novelty import Novelty
from ssrec.metrics.whole_ranking import AUC, MeanRank
from ssrec.per_user import PerUser, ids, lower, lower_is_better, write
from ssrec.train import train


def value(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def gathered(*blocks):
    kept = PerUser()
    for rows, relevant, values in blocks:
        kept.add(torch.tensor(rows), torch.tensor(relevant), values)
    return kept.gathered()


def test_batches_are_put_in_the_order_of_rows():
    one = ([4, 1], [1, 2], {"b@5": value(0.4, 0.1), "a@5": value(4, 1)})
    found = gathered(one, ([0], [3], {"b@5": value(0.0), "a@5": value(0)}))
    assert list(found) == ["row", "n_targets", "b@5", "a@5"], "metrics in their own order"
    assert found["row"].tolist() == [0, 1, 4] and found["row"].dtype == torch.long
    assert found["n_targets"].tolist() == [3, 2, 1]
    assert found["b@5"].tolist() == [0, 0.1, 0.4] and found["a@5"].tolist() == [0, 1, 4]


def test_what_is_written_and_read(tmp_path):
    columns = gathered(([0, 2], [1, 0], {"ndcg@5": value(0.25, torch.nan), "mean_rank": value(3, torch.nan)}))
    write(tmp_path, columns, pl.Series(["u", "v", None]), frozenset({"mean_rank", "of another run"}))
    table = pl.read_parquet(tmp_path / "per_user.parquet")
    assert table.schema == pl.Schema(
        {"row": pl.Int64, "user": pl.String, "n_targets": pl.Int64, "ndcg@5": pl.Float64, "mean_rank": pl.Float64}
    )
    assert table.rows() == [(0, "u", 1, 0.25, 3.0), (2, None, 0, None, None)]
    assert lower_is_better(tmp_path / per_user.FILE) == {"mean_rank"}
    assert [f.name for f in tmp_path.iterdir()] == ["per_user.parquet"], "nothing half written stays behind"


def test_ids_are_those_of_the_raw_data_and_unknown_users_have_none():
    events = pl.DataFrame({"user": [1, 2], "item": [1, 1]})
    users = pl.DataFrame({"user": [1, 2], "id": ["A7", "B9"]})
    canonical = Canonical("x", events, pl.DataFrame({"item": [1], "id": ["i"]}), {}, users)
    assert ids(canonical, torch.tensor([2, 0, 1, 2])).to_list() == ["B9", None, "A7", "B9"]


def test_direction_is_that_of_the_metrics_that_are_stored():
    corpus = Corpus(torch.tensor([1, 2]), torch.tensor([0, 0, 2]), n_users=1, n_items=9)
    metrics = [NDCG(corpus, ks=[3]), MeanRank(corpus), AUC(corpus), Novelty(corpus, ks=[3]), Coverage(corpus, ks=[3])]
    assert lower(metrics) == {"mean_rank"}
    assert not lower([Recall(corpus, ks=[1, 2])])


@pytest.mark.parametrize("split", ["leave_one_out", "strong_generalisation"])
def test_every_run_stores_what_each_user_scored(tiny, split):
    folder = train(tiny("recipe=popularity", f"split={split}", "metric=[ndcg,recall,coverage,novelty,mean_rank]"))
    table = pl.read_parquet(folder / per_user.FILE)
    result = json.loads((folder / "result.json").read_text())
    assert table.columns == [
        *("row", "user", "n_targets"),
        *(f"{name}@{k}" for name in ("ndcg", "recall") for k in (5, 10)),
        "mean_rank",
    ]
    assert table["row"].to_list() == list(range(result["protocol"]["n_test"]))
    assert table["n_targets"].sum() == result["protocol"]["n_test_targets"]
    for name in table.columns[3:]:
        assert table[name].mean() == pytest.approx(result["metrics"][f"test/{name}"], rel=1e-6), name
    assert table["user"].is_null().all() == (split == "strong_generalisation")
    assert lower_is_better(folder / per_user.FILE) == {"mean_rank"}


def test_users_are_named_as_in_the_raw_data(tiny):
    folder = train(tiny("recipe=popularity"))
    (source,) = folder.parents[1].glob("data/canonical/*/users.parquet")
    known = pl.read_parquet(source)["id"].cast(pl.String)
    assert pl.read_parquet(folder / per_user.FILE)["user"].to_list() == known.to_list()


def test_it_comes_before_the_result_and_along_with_it(tiny, monkeypatch):
    def stop(path, value):
        assert (path.parent / per_user.FILE).exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(runs, "write_json", stop)
        train(tiny("recipe=popularity"))
    one = train(tiny("recipe=popularity"))
    other = train(tiny("recipe=popularity", "study=other"))
    assert one != other and (one / per_user.FILE).read_bytes() == (other / per_user.FILE).read_bytes()
