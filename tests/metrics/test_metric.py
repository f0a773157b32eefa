"""What holds for all metrics: exact over batches and processes, double precision, checked list lengths, configs.

Run as a script (`test_metric.py <rank> <folder>`) it is one of two processes that evaluate together.
"""

import inspect
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from rankings import asked
from torch import nn
from torch.nn.functional import pad
from torchmetrics import Metric

from ssrec.batch import Attributes, Corpus, Ragged, Text, Vectors
from ssrec.errors import CompositionError
from ssrec.metrics.accuracy import F1, MAP, MRR, NDCG, HitRate, Precision, Recall
from ssrec.metrics.calibration import Miscalibration
from ssrec.metrics.categories import CategoryCoverage, CategoryEntropy
from ssrec.metrics.coverage import Coverage, Entropy, Gini
from ssrec.metrics.debiased import DebiasedNDCG, DebiasedRecall
from ssrec.metrics.diversity import AttributeDiversity, FeatureDiversity, VectorDiversity
from ssrec.metrics.exposure import ProviderExposure
from ssrec.metrics.fairness import GroupGap
from ssrec.metrics.groups import HistoryGroups, TargetGroups, UserGroups
from ssrec.metrics.long_tail import LongTail
from ssrec.metrics.metric import reads_whole
from ssrec.metrics.ndcg_ideals import FixedNDCG, FullNDCG
from ssrec.metrics.novelty import Novelty, PopularityComplement
from ssrec.metrics.personalisation import InterUserDistance
from ssrec.metrics.popularity import AveragePopularity
from ssrec.metrics.popularity_lift import PopularityLift
from ssrec.metrics.serendipity import Serendipity
from ssrec.metrics.text_diversity import TextDiversity
from ssrec.metrics.whole_ranking import AUC, FullMRR, MeanRank, PercentileRank, RPrecision
from ssrec.ranking import ranking

ACCURACY = (Recall, HitRate, NDCG, FullNDCG, FixedNDCG, MRR, Precision, F1, MAP)
WHOLE = (AUC, MeanRank, PercentileRank, RPrecision, FullMRR)
DEBIASED = (DebiasedRecall, DebiasedNDCG)
CATALOGUE = (Coverage, Gini, Entropy, InterUserDistance)
POPULARITY = (AveragePopularity, Novelty, PopularityComplement, LongTail, PopularityLift)
CATEGORIES = (CategoryEntropy, CategoryCoverage, Miscalibration)
BEYOND = (*CATALOGUE, *POPULARITY, *CATEGORIES, AttributeDiversity, VectorDiversity)
ALL = (*ACCURACY, Serendipity, *DEBIASED, *BEYOND, *WHOLE)
CONF = Path(__file__).parents[2] / "conf" / "metric"
KS = [1, 3, 10]
N, B, A = 120, 37, 6

# Those that must be told something, and what their results at a K are called.
TOLD = {
    ("diversity_image",): partial(FeatureDiversity, feature="image", ks=KS),
    ("diversity_title",): partial(TextDiversity, feature="title", ks=KS),
    ("exposure_gap_brand_events", "exposure_ratio_brand_events"): partial(
        ProviderExposure, feature="brand", against="events", ks=KS
    ),
    ("ndcg_gap_history", "ndcg_ratio_history"): partial(
        GroupGap, metric=partial(NDCG, ks=KS), groups=partial(HistoryGroups, bounds=[2, 4])
    ),
    ("recall_gap_gender", "recall_ratio_gender"): partial(
        GroupGap, metric=partial(Recall, ks=KS), groups=partial(UserGroups, feature="user.gender")
    ),
    ("hit_rate_gap_brand", "hit_rate_ratio_brand"): partial(
        GroupGap, metric=partial(HitRate, ks=KS), groups=partial(TargetGroups, feature="brand"), least_rows=2
    ),
}


def build() -> list[Metric]:
    generator = torch.Generator().manual_seed(1)
    items = (torch.rand(400, generator=generator).square() * N).long() + 1
    attributes = Attributes(
        Ragged(torch.randint(A, (2 * N,), generator=generator), torch.tensor([0, *range(0, 2 * N + 1, 2)])),
        tuple("abcdef"),
    )
    genders = Attributes(Ragged(torch.arange(40) % 2, torch.tensor([0, *range(41)])), ("F", "M"))
    corpus = Corpus(
        items,
        torch.tensor([0, *range(0, 401, 10)]),
        n_users=40,
        n_items=N,
        attributes=attributes,
        item_features={
            "image": Vectors(torch.randn(N + 1, 4, generator=generator)),
            "title": Text(("", *(f"{'abcdef'[i % 5]} {i % 7}" for i in range(N)))),
        },
        published={"attributes": attributes, "brand": attributes, "user.gender": genders},
    )
    return [metric(corpus) if metric in WHOLE else metric(corpus, ks=KS) for metric in ALL] + [
        metric(corpus) for metric in TOLD.values()
    ]


def evaluate(metrics: list[Metric], parts: list[slice], whole: bool = True) -> dict[str, float]:
    """Update with these rows of one fixed evaluation, a batch for each part."""
    generator = torch.Generator().manual_seed(2)
    scores = torch.randn(B, N + 1, generator=generator)
    vectors = torch.randn(N + 1, 8, generator=generator)
    target = torch.randint(0, N + 1, (B, 4), generator=generator)
    target[::5] = 0
    lengths = torch.tensor([i % 7 for i in range(B)])
    seen = Ragged(torch.randint(1, N + 1, (int(lengths.sum()),), generator=generator), pad(lengths.cumsum(0), (1, 0)))
    rows = torch.arange(B)
    for part in parts:
        batch = asked(target[part], seen.select(rows[part]), (rows[part] + 1).tolist())
        r = ranking(scores[part], batch, max(KS), item_vectors=vectors, whole=whole)
        for metric in metrics:
            metric.update(r)
    return {name: value.item() for metric in metrics for name, value in metric.compute().items()}


@pytest.fixture(scope="module")
def whole() -> dict[str, float]:
    return evaluate(build(), [slice(0, B)])


def test_metrics_that_say_they_are_cut_read_no_rank_beyond_the_lists(whole):
    made = build()
    cut = [metric for metric in made if not reads_whole(metric)]
    assert len(made) - len(cut) == len(WHOLE)
    found = evaluate(cut, [slice(0, B)], whole=False)
    assert found and found == {name: whole[name] for name in found}


def test_every_metric_reports_every_k(whole):
    names = {f"{metric.name}@{k}" for metric in ALL if metric not in WHOLE for k in KS}
    names |= {metric.name for metric in WHOLE}
    names |= {f"{name}@{k}" for told in [("delta_gap",), *TOLD] for name in told for k in KS}
    assert set(whole) == names - {
        "diversity_attributes@1",  # one item is no pair
        "diversity_image@1",
        "diversity_title@1",
        "diversity_vectors@1",
    }
    assert all(value > 0 for name, value in whole.items() if "_ratio_" not in name)


def test_batches_do_not_matter(whole):
    batches = [slice(i, i + 1) for i in range(10)] + [slice(10, 12), slice(12, B)]
    assert evaluate(build(), batches) == pytest.approx(whole, rel=1e-12)


def test_no_rows_change_nothing_and_alone_report_nothing(whole):
    assert evaluate(build(), [slice(0, 0), slice(0, B), slice(0, 0)]) == pytest.approx(whole, rel=1e-12)
    assert evaluate(build(), [slice(0, 0)]) == {}


def test_a_reset_metric_is_a_new_one(whole):
    metrics = build()
    evaluate(metrics, [slice(0, 20)])
    for metric in metrics:
        metric.reset()
    assert evaluate(metrics, [slice(0, B)]) == whole


def test_two_processes_give_what_one_gives(whole, tmp_path):
    found = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}  # where `rankings` is
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(tmp_path)], env=found, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    for worker in workers:
        assert worker.wait(timeout=120) == 0, worker.stderr and worker.stderr.read()
        if worker.stderr:
            worker.stderr.close()
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == pytest.approx(whole, rel=1e-12)


def work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    share = [[slice(0, 9), slice(9, 24)], [slice(24, B)]][rank]  # shares of different sizes and batches
    (folder / f"{rank}.json").write_text(json.dumps(evaluate(build(), share)))
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    "cast",
    [lambda m: m.half(), lambda m: m.float(), lambda m: m.to(torch.bfloat16), lambda m: m.to("cpu", torch.float16)],
    ids=["half", "float", "to_bfloat16", "to_device_and_float16"],
)
def test_the_precision_of_the_model_leaves_the_sums_in_double(cast, whole):
    module = nn.ModuleList(build())
    evaluate(list(module), [slice(0, 20)])
    cast(module)
    assert evaluate(list(module), [slice(20, B)]) == pytest.approx(whole, rel=1e-12)
    for metric in module:
        metric.reset()
    assert evaluate(list(module), [slice(0, B)]) == whole


@pytest.mark.parametrize("metric", [Recall, Coverage, DebiasedRecall])
@pytest.mark.parametrize(
    ("ks", "words"),
    [
        ([5, N + 1], f"K={N + 1} in ks is larger than the catalogue of {N} items"),
        ([0], "K=0 in ks is no list length"),
        ([True], "K=True in ks is no list length"),
        ([], "one or more different list lengths"),
        ([3, 3], "one or more different list lengths"),
    ],
)
def test_list_lengths_are_checked(metric, ks, words):
    corpus = Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=N)
    with pytest.raises(CompositionError, match=words):
        metric(corpus, ks=ks)
    metric(corpus, ks=[N])


@pytest.mark.parametrize("metric", BEYOND)
def test_shorter_lists_than_k_are_refused(metric):
    built = next(m for m in build() if isinstance(m, metric))
    r = ranking(torch.randn(2, N + 1), asked(torch.tensor([[1], [2]])), 9, item_vectors=torch.randn(N + 1, 8))
    with pytest.raises(CompositionError, match="K=10 reads a ranking whose top lists have 9 items"):
        built.update(r)


def test_a_config_is_called_as_its_results():
    found = {path.stem: OmegaConf.to_container(OmegaConf.load(path), resolve=False) for path in CONF.glob("*.yaml")}
    metrics = {f"{metric.__module__}.{metric.__qualname__}": metric for metric in ALL}
    for stem, config in found.items():
        node = config.pop(stem)
        assert not config and node.pop("_partial_") is True
        metric = metrics.pop(node.pop("_target_"), None)
        if metric is not None:
            assert metric.name == stem
            assert metric in WHOLE or node.pop("ks") == "${ks}"
            taken = list(inspect.signature(metric).parameters.values())[1:]  # after the corpus
            assert node == {p.name: p.default for p in taken if p.name != "ks"}
    assert not metrics


if __name__ == "__main__":
    work(int(sys.argv[1]), Path(sys.argv[2]))
