"""Accuracy metrics against the naive formulas and against ir-measures (trec_eval)."""

import math

import ir_measures
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, SetF, Success, nDCG
from rankings import asked, placed

from ssrec.batch import PAD, Corpus, Ragged
from ssrec.metrics.accuracy import F1, MAP, MRR, NDCG, HitRate, Precision, Recall
from ssrec.ranking import Ranking, ranking

METRICS = (Recall, HitRate, NDCG, MRR, Precision, F1, MAP)


def catalogue(n_items: int) -> Corpus:
    return Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=n_items)


def measure(r: Ranking, n_items: int, ks: list[int]) -> dict[str, float]:
    found = {}
    for metric in (m(catalogue(n_items), ks=ks) for m in METRICS):
        metric.update(r)
        found |= {name: value.item() for name, value in metric.compute().items()}
    return found


def naive(ranks: list[int], k: int) -> dict[str, float]:
    """One row's values, from the ranks of its relevant items, by walking down the list."""
    dcg = ideal = precisions = 0.0
    hits = first = 0
    for position in range(1, k + 1):
        if position <= len(ranks):
            ideal += 1 / math.log2(position + 1)
        if position in ranks:
            hits += 1
            first = first or position
            dcg += 1 / math.log2(position + 1)
            precisions += hits / position
    recall, precision = hits / len(ranks), hits / k
    return {
        f"recall@{k}": recall,
        f"hit_rate@{k}": float(hits > 0),
        f"ndcg@{k}": dcg / ideal,
        f"mrr@{k}": 1 / first if first else 0.0,
        f"precision@{k}": precision,
        f"f1@{k}": 2 * precision * recall / (precision + recall) if hits else 0.0,
        f"map@{k}": precisions / min(k, len(ranks)),
    }


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.integers(1, 20), unique=True, max_size=20), min_size=1, max_size=6), st.integers(1, 20))
def test_equals_the_formulas(rows, k):
    found = measure(placed(rows, 20), 20, [k])
    values = [naive(r, k) for r in rows if r]  # a row without targets does not count
    expected = {name: sum(v[name] for v in values) / len(values) for name in values[0]} if values else {}
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("most", [1, 5, 40])
def test_agrees_with_trec_eval(most):
    generator = torch.Generator().manual_seed(most)
    n, users, ks = 60, 25, [1, 5, 10, 50]
    scores = torch.stack([torch.randperm(n + 1, generator=generator) for _ in range(users)]).float()
    target = torch.randint(1, n + 1, (users, most), generator=generator)
    target[torch.arange(most) >= torch.randint(1, most + 1, (users, 1), generator=generator)] = PAD
    seen = torch.randint(1, n + 1, (users, 8), generator=generator)
    seen[(seen[:, :, None] == target[:, None]).any(2)] = PAD
    past = Ragged(seen.flatten(), torch.arange(0, 8 * users + 1, 8))
    found = measure(ranking(scores, asked(target, past), 50), n, ks)

    qrels = {str(u): {str(i): 1 for i in target[u].tolist() if i != PAD} for u in range(users)}
    run = {
        str(u): {str(i): scores[u, i].item() for i in set(range(1, n + 1)) - set(seen[u].tolist())}
        for u in range(users)
    }
    judge = ir_measures.pytrec_eval
    for k in ks:
        theirs = judge.calc_aggregate([R @ k, nDCG @ k, P @ k, Success @ k], qrels, run)
        ours = {R @ k: "recall", nDCG @ k: "ndcg", P @ k: "precision", Success @ k: "hit_rate"}
        for theirs_name, name in ours.items():
            assert found[f"{name}@{k}"] == pytest.approx(theirs[theirs_name], abs=1e-9)
        cut = {u: dict(sorted(items.items(), key=lambda pair: -pair[1])[:k]) for u, items in run.items()}
        theirs = judge.calc_aggregate([RR, SetF], qrels, cut)
        assert found[f"mrr@{k}"] == pytest.approx(theirs[RR], abs=1e-9)
        assert found[f"f1@{k}"] == pytest.approx(theirs[SetF], abs=1e-9)
        # trec_eval divides average precision by R, we by min(K, R).
        precisions = [
            m.value * len(qrels[m.query_id]) / min(k, len(qrels[m.query_id]))
            for m in judge.iter_calc([AP @ k], qrels, run)
        ]
        assert found[f"map@{k}"] == pytest.approx(sum(precisions) / users, abs=1e-9)


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_a_constant_model_never_looks_good(value):
    scores = torch.full((4, 101), value)
    target = torch.tensor([[1], [2], [50], [100]])
    assert set(measure(ranking(scores, asked(target), 20), 100, [1, 20]).values()) == {0.0}


def test_a_perfect_list_is_one_and_precision_is_bounded_by_the_targets():
    scores = torch.arange(11.0)[None]
    found = measure(ranking(scores, asked(torch.tensor([[9, 10, 0]])), 5), 10, [2, 5])
    assert found.pop("precision@5") == pytest.approx(0.4)
    assert found.pop("f1@5") == pytest.approx(4 / 7)
    assert set(found.values()) == {1.0}
