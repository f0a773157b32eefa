"""Debiased recall and NDCG against loops over targets, and what they are for: popularity cancelled out."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import placed

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.metrics.accuracy import NDCG, Recall
from ssrec.metrics.debiased import DebiasedNDCG, DebiasedRecall
from ssrec.ranking import Ranking
from ssrec.train import train

N = 10
TARGETS = st.dictionaries(st.integers(1, N), st.integers(1, N), max_size=5)  # item: rank, made different below
EVENTS = st.lists(st.integers(0, 30), min_size=N, max_size=N)


def corpus(events: list[int]) -> Corpus:
    """One user who met item i + 1 events[i] times."""
    items = torch.arange(1, len(events) + 1).repeat_interleave(torch.tensor(events))
    return Corpus(items, torch.tensor([0, 0, len(items)]), n_users=1, n_items=len(events))


def rows_of(rows: list[dict[int, int]], n_items: int = N) -> Ranking:
    """Rows as `{item: rank}`."""
    width = max(map(len, rows))
    items = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], dtype=torch.long).view(len(rows), width)
    return placed([list(row.values()) for row in rows], n_items, items=items)


def measure(events: list[int], r: Ranking, k: int, **settings) -> dict[str, float]:
    found = {}
    for made in (DebiasedRecall, DebiasedNDCG):
        metric = made(corpus(events), ks=[k], **settings)
        metric.update(r)
        found |= {name.split("@")[0]: value.item() for name, value in metric.compute().items()}
    return found


def naive(events: list[int], rows: list[dict[int, int]], k: int, eta: float, normalise: str) -> dict[str, float]:
    reached: dict[str, list[float]] = {"recall_debiased": [], "ndcg_debiased": []}
    best: dict[str, list[float]] = {"recall_debiased": [], "ndcg_debiased": []}
    for row in rows:
        known = {item: rank for item, rank in row.items() if events[item - 1] > 0}
        weight = {item: 1 / events[item - 1] ** eta for item in known}
        if known:
            within = [item for item, rank in known.items() if rank <= k]
            reached["recall_debiased"].append(sum(weight[item] for item in within))
            best["recall_debiased"].append(sum(weight.values()))
            reached["ndcg_debiased"].append(sum(weight[item] / math.log2(known[item] + 1) for item in within))
            largest = sorted(weight.values(), reverse=True)[:k]
            best["ndcg_debiased"].append(sum(w / math.log2(j + 2) for j, w in enumerate(largest)))
    if not best["recall_debiased"]:
        return {}
    if normalise == "all":
        return {name: sum(reached[name]) / sum(best[name]) for name in reached}
    ratios = {name: [x / y for x, y in zip(reached[name], best[name], strict=True)] for name in reached}
    return {name: sum(values) / len(values) for name, values in ratios.items()}


@settings(max_examples=200, deadline=None)
@given(
    EVENTS,
    st.lists(TARGETS, min_size=1, max_size=6),
    st.integers(1, N),
    st.sampled_from([0.0, 0.5, 1.0, 1.7]),
    st.sampled_from(["all", "row"]),
)
def test_equals_a_loop(events, rows, k, eta, normalise):
    rows = [dict(zip(row, sorted(set(row.values())), strict=False)) for row in rows]  # no two targets at one rank
    found = measure(events, rows_of(rows), k, eta=eta, normalise=normalise)
    assert found == pytest.approx(naive(events, rows, k, eta, normalise), rel=1e-12)
    assert all(0 <= value <= 1 + 1e-12 for value in found.values())


def test_targets_that_follow_popularity_say_what_all_items_alike_would_say():
    """Item i is a target as often as it was met, and always stands at rank i: 3 of 10 are found, not 6 of 55."""
    events = list(range(1, N + 1))
    rows = [{item: item} for item in range(1, N + 1) for _ in range(item)]
    found = measure(events, rows_of(rows), 3)
    assert found["recall_debiased"] == pytest.approx(3 / 10)
    assert found["ndcg_debiased"] == pytest.approx(sum(1 / math.log2(i + 1) for i in (1, 2, 3)) / 10)
    assert measure(events, rows_of(rows), 3, eta=0.0)["recall_debiased"] == pytest.approx(6 / 55)


def test_within_rows_of_one_target_nothing_is_debiased():
    events, r = [9, 1, 4, 4, 2, 1, 1, 1, 1, 1], rows_of([{1: 1}, {2: 5}, {3: 2}])
    found = measure(events, r, 3, normalise="row")
    for name, metric in (("recall", Recall), ("ndcg", NDCG)):
        plain = metric(corpus(events), ks=[3])
        plain.update(r)
        assert found[f"{name}_debiased"] == pytest.approx(plain.compute()[f"{name}@3"].item())
    assert measure(events, r, 3) != pytest.approx(found)


def test_targets_without_training_events_are_left_out():
    events = [3, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    assert measure(events, rows_of([{1: 1, 2: 9}]), 3) == {"recall_debiased": 1, "ndcg_debiased": 1}
    assert measure(events, rows_of([{2: 1}]), 3) == {}


@pytest.mark.parametrize("eta", [-0.1, math.inf, math.nan])
def test_a_power_that_is_none_is_refused(eta):
    with pytest.raises(CompositionError, match="it takes a number from 0"):
        DebiasedRecall(corpus([1]), ks=[1], eta=eta)


def test_a_power_under_which_weights_overflow_is_refused():
    with pytest.raises(CompositionError, match=r"eta=400\.0 gives weights above all numbers"):
        DebiasedRecall(corpus([1, 1000]), ks=[1], eta=400.0)


def test_a_run_measures_with_each_setting(tiny):
    few = ["trainer.max_epochs=1", "metric=[ndcg,recall,ndcg_debiased,recall_debiased]", "ks=[10]"]
    row = ["metric.ndcg_debiased.normalise=row", "metric.recall_debiased.normalise=row"]  # each row has one target
    found = json.loads((train(tiny(*few, *row)) / "result.json").read_text())["metrics"]
    for name in ("ndcg", "recall"):
        assert found[f"test/{name}_debiased@10"] == pytest.approx(found[f"test/{name}@10"], abs=1e-12)
    found = json.loads((train(tiny(*few, "metric.recall_debiased.eta=0.0")) / "result.json").read_text())["metrics"]
    assert found["test/recall_debiased@10"] == pytest.approx(found["test/recall@10"], abs=1e-12)
    assert found["test/ndcg_debiased@10"] != pytest.approx(found["test/ndcg@10"], abs=1e-4)
