"""Popularity lift and delta GAP against loops over lists and pasts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import lists

from ssrec.batch import Corpus
from ssrec.metrics.popularity_lift import PopularityLift

# Three users met item 1 (one of them twice), two met item 2, one met items 3 and 4, nobody item 5.
CORPUS = Corpus(torch.tensor([1, 1, 2, 1, 2, 3, 1, 4]), torch.tensor([0, 0, 3, 6, 8]), n_users=3, n_items=5)
MET = {1: 3, 2: 2, 3: 1, 4: 1, 5: 0}


def measure(top: list[list[int]], past: list[list[int]], k: int) -> dict[str, float]:
    metric = PopularityLift(CORPUS, ks=[k])
    metric.update(lists(top, 5, past=past))
    return {name: value.item() for name, value in metric.compute().items()}


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 5), unique=True), st.lists(st.integers(1, 5), max_size=8)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 5),
)
def test_equals_a_loop(rows, k):
    pairs = []
    for top, past in rows:
        p = sum(MET[i] for i in past) / len(past) if past else 0
        if p > 0 and top:
            pairs.append((sum(MET[i] for i in top[:k]) / len(top[:k]), p))
    expected = {}
    if pairs:
        lists_of, pasts = [sum(column) / len(pairs) for column in zip(*pairs, strict=True)]
        expected = {
            f"popularity_lift@{k}": pytest.approx(sum((q - p) / p for q, p in pairs) / len(pairs), abs=1e-12),
            f"delta_gap@{k}": pytest.approx((lists_of - pasts) / pasts, abs=1e-12),
        }
    assert measure([top for top, _ in rows], [past for _, past in rows], k) == expected


def test_users_weigh_the_same_or_by_the_popularity_of_their_past():
    found = measure([[1], [1]], [[1, 1], [3]], 1)  # 3 after 3, and 3 after 1
    assert found == {"popularity_lift@1": 1.0, "delta_gap@1": 0.5}


def test_without_a_past_there_is_no_result():
    assert measure([[1], [2]], [[], [5]], 1) == {}
