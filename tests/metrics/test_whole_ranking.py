"""Metrics of whole rankings against sorted lists, trec_eval and another library's AUC, with ties and NaN."""

import json
import math

import ir_measures
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, Rprec
from rankings import asked, ragged
from torchmetrics.functional import auroc

from ssrec.batch import Corpus
from ssrec.metrics.whole_ranking import AUC, FullMRR, MeanRank, PercentileRank, RPrecision
from ssrec.ranking import Ranking, ranking
from ssrec.train import train

N = 9
SCORE = st.sampled_from([-1.0, 0.0, 0.5, 2.0, -math.inf, math.nan])
ITEMS = st.lists(st.integers(1, N), unique=True, max_size=N)
ROW = st.tuples(st.lists(SCORE, min_size=N + 1, max_size=N + 1), ITEMS, ITEMS, ITEMS)  # target, seen, allowed
Row = tuple[list[float], list[int], list[int], list[int]]


def measure(r: Ranking, n_items: int = N) -> dict[str, float]:
    corpus = Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=n_items)
    metrics = [metric(corpus) for metric in (AUC, MeanRank, PercentileRank, RPrecision, FullMRR)]
    for metric in metrics:
        metric.update(r)
    return {name: value.item() for metric in metrics for name, value in metric.compute().items()}


def naive(scores: list[float], target: list[int], seen: list[int], allowed: list[int]) -> dict[str, float]:
    """One row's values, from its candidates in order: a target behind its ties, NaN behind all scores."""
    candidates = [i for i in range(1, N + 1) if i in target or (i in allowed and i not in seen)]

    def place(i: int) -> tuple[bool, float, bool]:
        nan = math.isnan(scores[i])
        return nan, 0.0 if nan else -scores[i], i in target

    ordered = sorted(candidates, key=place)
    ranks = [ordered.index(i) + 1 for i in target]
    others = [i for i in candidates if i not in target]
    values = {
        "mean_rank": sum(ranks) / len(ranks),
        "r_precision": len(set(ordered[: len(target)]) & set(target)) / len(target),
        "mrr_full": 1 / min(ranks),
    }
    if others:
        right = sum(ordered.index(i) < ordered.index(j) for i in target for j in others)
        values["auc"] = right / (len(target) * len(others))
    if len(candidates) > 1:
        values["percentile_rank"] = sum((rank - 1) / (len(candidates) - 1) for rank in ranks) / len(ranks)
    return values


@settings(max_examples=200, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=5))
def test_equals_sorted_lists(rows: list[Row]):
    width = max(len(target) for _, target, _, _ in rows)
    target = torch.tensor([[*t, *[0] * (width - len(t))] for _, t, _, _ in rows], dtype=torch.long)
    batch = asked(target.view(len(rows), width), ragged([seen for _, _, seen, _ in rows]))
    allowed = torch.tensor([[i in a for i in range(N + 1)] for _, _, _, a in rows])
    found = measure(ranking(torch.tensor([scores for scores, _, _, _ in rows]), batch, 0, allowed=allowed))

    values = [naive(*row) for row in rows if row[1]]  # a row without targets does not count
    for name in ("auc", "mean_rank", "percentile_rank", "r_precision", "mrr_full"):
        defined = [v[name] for v in values if name in v]
        assert (name in found) == bool(defined)
        if defined:
            assert found[name] == pytest.approx(sum(defined) / len(defined), abs=1e-12)


def test_agrees_with_other_libraries():
    generator = torch.Generator().manual_seed(1)
    users, n = 20, 50
    scores = torch.rand(users, n + 1, generator=generator)
    target = torch.stack([torch.randperm(n, generator=generator)[:6] + 1 for _ in range(users)])
    found = measure(ranking(scores, asked(target), 0), n)

    labels = torch.zeros(users, n + 1, dtype=torch.long).scatter_(1, target, 1)[:, 1:]
    areas = [float(auroc(s, t, task="binary")) for s, t in zip(scores[:, 1:], labels, strict=True)]
    assert found["auc"] == pytest.approx(sum(areas) / users, abs=1e-6)  # theirs is in single precision

    qrels = {str(u): {str(i): 1 for i in target[u].tolist()} for u in range(users)}
    run = {str(u): {str(i): scores[u, i].item() for i in range(1, n + 1)} for u in range(users)}
    theirs = ir_measures.pytrec_eval.calc_aggregate([Rprec, RR], qrels, run)
    assert found["r_precision"] == pytest.approx(theirs[Rprec], abs=1e-9)
    assert found["mrr_full"] == pytest.approx(theirs[RR], abs=1e-9)


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_a_constant_model_stands_last(value):
    found = measure(ranking(torch.full((3, N + 1), value), asked(torch.tensor([[1], [4], [9]])), 0))
    assert found == {"auc": 0, "mean_rank": N, "percentile_rank": 1, "r_precision": 0, "mrr_full": pytest.approx(1 / N)}


def test_the_best_ranking():
    found = measure(ranking(-torch.arange(N + 1.0)[None], asked(torch.tensor([[2, 1]])), 0))
    assert found == {"auc": 1, "mean_rank": 1.5, "percentile_rank": 1 / 16, "r_precision": 1, "mrr_full": 1}


def test_a_run_selects_by_a_metric_without_k(tiny):
    folder = train(tiny("metric=[ndcg,auc,mean_rank]", "monitor=val/auc", "trainer.max_epochs=3"))
    found = json.loads((folder / "result.json").read_text())["metrics"]
    lines = (folder / "log" / "version_0" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("val/auc")
    during = [float(value) for line in lines[1:] if (value := line.split(",")[column])]
    assert len(during) >= 3 and found["val/auc"] == pytest.approx(max(during), abs=1e-6)
    assert {"test/auc", "test/mean_rank", "test/ndcg@10"} <= set(found)
