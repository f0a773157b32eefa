"""Metrics beyond accuracy and strata in a run: on a dataset that has all they read, with each option, and on others."""

import json
import math

import polars as pl
import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.train import train

FEW = ["recipe=popularity", "ks=[3]", "monitor=val/ndcg@3", "dataset=table"]
CATALOGUE = ["coverage", "gini", "entropy", "inter_user_distance", "exposure"]
OF_LISTS = ["diversity_image", "category_entropy", "category_coverage", "epc", "long_tail", "miscalibration"]
GAPS = ["gap_history", "gap_users", "gap_providers"]
ALL = [*CATALOGUE, *OF_LISTS, *GAPS, "popularity_lift", "serendipity", "ndcg", "recall"]
MULTIPLE = {
    "exposure": ["exposure_gap_brand_catalogue", "exposure_ratio_brand_catalogue"],
    "gap_history": ["ndcg_gap_history", "ndcg_ratio_history"],
    "gap_users": ["ndcg_gap_gender", "ndcg_ratio_gender"],
    "gap_providers": ["ndcg_gap_brand", "ndcg_ratio_brand"],
    "popularity_lift": ["popularity_lift", "delta_gap"],
}
N_USERS, N_ITEMS = 40, 24


@pytest.fixture
def shop(tmp_path) -> list[str]:
    """Overrides that choose a dataset with genres, brands, images and genders."""
    generator = torch.Generator().manual_seed(3)
    taste = torch.arange(1.0, N_ITEMS + 1).reciprocal().expand(N_USERS, -1)
    met = taste.multinomial(14, generator=generator)
    lengths = 5 + torch.arange(N_USERS) % 10
    events = [(u, int(i), t) for u in range(N_USERS) for t, i in enumerate(met[u, : lengths[u]])]
    pl.DataFrame(events, schema=["user", "item", "time"], orient="row").write_parquet(tmp_path / "events.parquet")
    images = torch.randn(N_ITEMS, 4, generator=generator).numpy()
    items = pl.DataFrame(
        {
            "item": range(N_ITEMS),
            "attributes": [["a", "b"][: 1 + i % 2] + ["c"] * (i % 3) for i in range(N_ITEMS)],
            "brand": [["x", "y", "z"][i % 3] for i in range(N_ITEMS)],
            "image": pl.Series(images, dtype=pl.Array(pl.Float32, 4)),
        }
    )
    items.write_parquet(tmp_path / "items.parquet")
    users = pl.DataFrame({"user": range(N_USERS), "gender": ["F", "M"] * (N_USERS // 2)})
    users.write_parquet(tmp_path / "users.parquet")
    paths = [f"dataset.{t}={tmp_path}/{f}.parquet" for t, f in (("interactions", "events"), ("items", "items"))]
    content = ["dataset.attributes=[attributes,brand]", "dataset.vectors=[image]"]
    return [*FEW, *paths, f"dataset.users={tmp_path}/users.parquet", *content, "dataset.users_attributes=[gender]"]


def measured(config) -> dict[str, float]:
    return json.loads((train(config) / "result.json").read_text())["metrics"]


def test_a_run_reports_all_of_them(tiny, shop):
    found = measured(tiny(*shop, f"metric=[{','.join(ALL)}]", "metric.gap_providers.least_rows=1"))
    wanted = {f"test/{name}@3" for metric in ALL for name in MULTIPLE.get(metric, [metric])}
    assert {name for name in found if name.startswith("test/")} == wanted
    assert all(math.isfinite(value) for value in found.values())
    assert found["test/serendipity@3"] == 0.0, "popularity finds nothing that popularity would not"


def test_each_option_is_heard(tiny, shop):
    metrics = f"metric=[{','.join(['ndcg', 'long_tail', *OF_LISTS[1:3], 'miscalibration', *GAPS, 'exposure'])}]"
    options = [
        "metric.long_tail.share=0.3",
        "metric.category_entropy.feature=brand",
        "metric.category_coverage.feature=brand",
        "metric.miscalibration.feature=brand",
        "metric.gap_history.groups.bounds=[6,8,10]",
        "metric.gap_history.least_rows=3",
        "metric.gap_users.metric._target_=ssrec.metrics.accuracy.Recall",
        "metric.gap_providers.groups.feature=attributes",
        "metric.gap_providers.least_rows=2",
        "metric.exposure.feature=attributes",
        "metric.exposure.against=events",
    ]
    usual, other = measured(tiny(*shop, metrics)), measured(tiny(*shop, metrics, *options))
    for name in ("long_tail", "category_entropy", "category_coverage", "miscalibration", "ndcg_gap_history"):
        assert other[f"test/{name}@3"] != usual[f"test/{name}@3"]
    new = {"recall_gap_gender", "ndcg_gap_attributes", "exposure_gap_attributes_events"}
    assert {f"test/{name}@3" for name in new} <= other.keys() - usual.keys()
    assert "test/ndcg_gap_brand@3" not in usual, "no brand has 100 rows"


def test_strata_of_popularity_part_the_rows(tiny, shop):
    result = json.loads((train(tiny(*shop, "metric=[ndcg]", "stratum=[head,tail,cold]")) / "result.json").read_text())
    n = {name: result["protocol"][f"n_test_{name}"] for name in ("head", "tail", "cold")}
    assert n["head"] + n["tail"] == result["protocol"]["n_test"] and min(n["head"], n["tail"]) > 0
    found = result["metrics"]
    mean = sum(found[f"test/{name}/ndcg@3"] * n[name] for name in ("head", "tail")) / (n["head"] + n["tail"])
    assert mean == pytest.approx(found["test/ndcg@3"], abs=1e-12)
    assert found["test/head/ndcg@3"] > found["test/tail/ndcg@3"]
    narrow = tiny(*shop, "metric=[ndcg]", "stratum=[head]", "stratum.head.share=0.3")
    protocol = json.loads((train(narrow) / "result.json").read_text())["protocol"]
    assert protocol["n_test_head"] < n["head"]


def test_what_a_metric_reads_unless_told_otherwise_may_be_lacking(tiny, shop, capsys):
    without = [o for o in shop if not o.startswith("dataset.attributes=")]
    found = measured(tiny(*without, "metric=[ndcg,category_entropy,miscalibration]"))
    assert {name.split("@")[0] for name in found} == {"val/ndcg", "test/ndcg"}
    assert "not reported, for the dataset lacks what they read: category_entropy, miscalib" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("metric", "said", "where"),
    [
        ("category_entropy", "metric.category_entropy.feature=brands", "metric.category_entropy needs brands"),
        ("diversity_image", "metric.diversity_image.feature=audio", "metric.diversity_image needs audio"),
        ("exposure", "metric.exposure.feature=store", "metric.exposure needs store"),
        ("gap_users", "metric.gap_users.groups.feature=user.age", "metric.gap_users.groups needs user.age"),
        ("gap_providers", "metric.gap_providers.groups.feature=shop", "metric.gap_providers.groups needs shop"),
    ],
)
def test_what_it_was_told_to_read_may_not(metric, said, where, tiny, shop):
    with pytest.raises(CompositionError, match=rf"{where}, which the dataset does not have \(it has .*brand"):
        train(tiny(*shop, f"metric=[ndcg,{metric}]", said))
