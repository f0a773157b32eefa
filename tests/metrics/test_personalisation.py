"""The distance of lists against a loop over all pairs."""

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rankings import lists

from ssrec.batch import Corpus
from ssrec.metrics.personalisation import InterUserDistance

N = 9
CORPUS = Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=N)


def measure(top: list[list[int]], ks: list[int]) -> dict[str, float]:
    metric = InterUserDistance(CORPUS, ks=ks)
    for row in top:  # a batch for each row: pairs reach over batches
        metric.update(lists([row], 6))
    return {name: value.item() for name, value in metric.compute().items()}


@given(st.lists(st.lists(st.integers(1, N), unique=True, max_size=6), min_size=1, max_size=7), st.integers(1, 6))
def test_equals_a_loop(top, k):
    pairs = list(combinations([set(row[:k]) for row in top if row], 2))
    expected = sum(1 - len(u & v) / k for u, v in pairs) / len(pairs) if pairs else None
    found = measure(top, [k])
    assert found == ({} if expected is None else {f"inter_user_distance@{k}": pytest.approx(expected, abs=1e-12)})


def test_the_ends_of_the_scale():
    assert measure([[1, 2], [2, 1], [1, 2]], [1, 2]) == {
        "inter_user_distance@1": pytest.approx(2 / 3),
        "inter_user_distance@2": 0.0,
    }
    assert measure([[1, 2], [3, 4], [5, 6]], [2]) == {"inter_user_distance@2": 1.0}
