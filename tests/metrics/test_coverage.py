"""Coverage, Gini and entropy against loops over the catalogue."""

from collections import Counter
from math import log2

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import lists

from ssrec.batch import Corpus
from ssrec.metrics.coverage import Coverage, Entropy, Gini, ListCounts
from ssrec.ranking import Ranking

N = 12
CORPUS = Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=N)


def measure(r: Ranking, k: int) -> list[dict[str, torch.Tensor]]:
    metrics: list[ListCounts] = [Coverage(CORPUS, ks=[k]), Gini(CORPUS, ks=[k]), Entropy(CORPUS, ks=[k])]
    for metric in metrics:
        metric.update(r)
    return [metric.compute() for metric in metrics]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(1, N), unique=True, max_size=8), min_size=1, max_size=9), st.integers(1, 8))
def test_equals_a_loop(top, k):
    coverage, gini, entropy = measure(lists(top, 8), k)
    counts = Counter(item for row in top for item in row[:k])
    if not counts:
        assert coverage == gini == entropy == {}
        return
    c = [counts[i] for i in range(1, N + 1)]
    # Gini as half the relative mean absolute difference: its definition, without any sorting.
    differences = sum(abs(x - y) for x in c for y in c)
    assert coverage[f"coverage@{k}"].item() == pytest.approx(len(counts) / N, abs=1e-12)
    assert gini[f"gini@{k}"].item() == pytest.approx(differences / (2 * N * sum(c)), abs=1e-12)
    bits = sum(-x / sum(c) * log2(x / sum(c)) for x in c if x)
    assert entropy[f"entropy@{k}"].item() == pytest.approx(bits, abs=1e-12)


def test_the_ends_of_the_scale():
    same = measure(lists([[7]] * 5, 1), 1)
    assert same[0]["coverage@1"] == pytest.approx(1 / N) and same[1]["gini@1"] == pytest.approx(1 - 1 / N)
    assert same[2]["entropy@1"] == 0
    equal = measure(lists([[2 * i + 1, 2 * i + 2] for i in range(N // 2)], 2), 2)
    assert equal[0]["coverage@2"] == 1 and equal[1]["gini@2"] == 0
    assert equal[2]["entropy@2"] == pytest.approx(log2(N))
