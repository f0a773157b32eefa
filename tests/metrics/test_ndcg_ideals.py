"""NDCG over its other ideals, against loops and against trec_eval on lists that are cut."""

import math

import ir_measures
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import nDCG
from rankings import placed

from ssrec.batch import Corpus
from ssrec.metrics.accuracy import NDCG
from ssrec.metrics.ndcg_ideals import FixedNDCG, FullNDCG

N = 20
CORPUS = Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=N)
ROWS = st.lists(st.lists(st.integers(1, N), unique=True, max_size=N), min_size=1, max_size=6)


def measure(rows: list[list[int]], k: int) -> dict[str, float]:
    found = {}
    for metric in (NDCG(CORPUS, ks=[k]), FullNDCG(CORPUS, ks=[k]), FixedNDCG(CORPUS, ks=[k])):
        metric.update(placed(rows, N))
        found |= {name.split("@")[0]: value.item() for name, value in metric.compute().items()}
    return found


@settings(max_examples=150, deadline=None)
@given(ROWS, st.integers(1, N))
def test_equals_a_loop(rows, k):
    asking = [row for row in rows if row]

    def mean(ideal_length) -> float:
        values = []
        for row in asking:
            dcg = sum(1 / math.log2(i + 1) for i in range(1, k + 1) if i in row)
            values.append(dcg / sum(1 / math.log2(i + 1) for i in range(1, ideal_length(len(row)) + 1)))
        return sum(values) / len(values)

    found = measure(rows, k)
    if not asking:
        assert found == {}
        return
    assert found["ndcg_full"] == pytest.approx(mean(lambda relevant: relevant), abs=1e-12)
    assert found["ndcg_fixed"] == pytest.approx(mean(lambda relevant: k), abs=1e-12)
    assert found["ndcg"] == pytest.approx(mean(lambda relevant: min(relevant, k)), abs=1e-12)


@pytest.mark.parametrize("k", [1, 4, 20])
def test_full_agrees_with_trec_eval_on_lists_that_are_cut(k):
    generator = torch.Generator().manual_seed(k)
    rows = [torch.randperm(N, generator=generator)[: 1 + i % 12].add(1).tolist() for i in range(30)]
    qrels = {str(u): {str(rank): 1 for rank in row} for u, row in enumerate(rows)}  # items are called by their rank
    run = {str(u): {str(rank): float(-rank) for rank in range(1, k + 1)} for u in range(len(rows))}
    theirs = ir_measures.pytrec_eval.calc_aggregate([nDCG], qrels, run)[nDCG]
    assert measure(rows, k)["ndcg_full"] == pytest.approx(theirs, abs=1e-9)


def test_the_three_ideals_of_a_perfect_list():
    few, many = measure([[1]], 10), measure([list(range(1, 16))], 10)
    assert few["ndcg"] == few["ndcg_full"] == 1 and few["ndcg_fixed"] == pytest.approx(1 / 4.54, rel=1e-3)
    assert many["ndcg"] == many["ndcg_fixed"] == pytest.approx(1) and 0.7 < many["ndcg_full"] < 0.8
