"""Serendipity against a loop that makes each row's list of popular items."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import placed, ragged

from ssrec.batch import Corpus
from ssrec.metrics.accuracy import Precision
from ssrec.metrics.serendipity import Serendipity

N = 10
COUNTS = [0, 3, 0, 5, 1, 3, 0, 2, 9, 1, 1]  # of items 0, 1, ..., ties among them
CORPUS = Corpus(
    torch.arange(N + 1).repeat_interleave(torch.tensor(COUNTS)),
    torch.tensor([0, 0, sum(COUNTS)]),
    n_users=1,
    n_items=N,
)
Row = st.tuples(
    st.permutations(range(1, N + 1)),  # a ranking, the best first
    st.lists(st.integers(1, N), unique=True, max_size=5),  # targets
    st.lists(st.integers(1, N), max_size=8),  # the past, with repeats, and maybe with targets
)


def measure(metric: type, rows: list[tuple[list[int], list[int], list[int]]], k: int) -> dict[str, float]:
    ranks = [[ranking.index(t) + 1 for t in targets] for ranking, targets, _ in rows]
    width = max(len(targets) for _, targets, _ in rows)
    items = torch.tensor([[*t, *[0] * (width - len(t))] for _, t, _ in rows], dtype=torch.long).view(len(rows), width)
    built = metric(CORPUS, ks=[k])
    built.update(placed(ranks, N, ragged([past for _, _, past in rows]), items))
    return {name: value.item() for name, value in built.compute().items()}


@settings(max_examples=100)
@given(st.lists(Row, min_size=1, max_size=4), st.integers(1, N))
def test_equals_a_loop(rows, k):
    values = []
    for ranking, targets, past in rows:
        popular = sorted(set(range(1, N + 1)) - set(past), key=lambda i: (-COUNTS[i], i))[:k]
        surprising = [i for i in ranking[:k] if i in targets and i not in popular and i not in past]
        if targets:
            values.append(len(surprising) / k)
    found = measure(Serendipity, rows, k)
    assert found == ({f"serendipity@{k}": pytest.approx(sum(values) / len(values), abs=1e-12)} if values else {})
    assert sum(found.values()) <= sum(measure(Precision, rows, k).values()) + 1e-12


def test_what_is_popular_or_known_is_no_surprise():
    best_first = [8, 3, 4, *(i for i in range(1, N + 1) if i not in (8, 3, 4))]
    assert measure(Serendipity, [(best_first, [8, 3, 4], [])], 3) == {"serendipity@3": pytest.approx(1 / 3)}
    assert measure(Serendipity, [(best_first, [8, 3, 4], [4])], 3) == {"serendipity@3": 0.0}
    # Where the past holds the most popular ones, the next are expected.
    assert measure(Serendipity, [(best_first, [4], [8, 3, 1, 5, 7])], 1) == {"serendipity@1": 0.0}


def test_a_row_without_a_past():
    r = placed([[1]], N, None, torch.tensor([[2]]))
    metric = Serendipity(CORPUS, ks=[1])
    metric.update(r)
    assert metric.compute() == {"serendipity@1": 1.0}
