"""The most similar item against loops over users and pairs of items."""

import math
from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.views import similar
from ssrec.views.similar import Similar

N_ITEMS = 9
HISTORIES = st.lists(st.lists(st.integers(1, N_ITEMS - 1), max_size=6), min_size=1, max_size=6)  # one item stays cold


def corpus(histories):
    ends = torch.tensor([0, 0, *(len(h) for h in histories)]).cumsum(0)
    items = torch.tensor([i for h in histories for i in h], dtype=torch.long)
    return Corpus(items, ends, n_users=len(histories), n_items=N_ITEMS)


def scores(histories):
    """ItemCF-IUF of every pair that someone met."""
    sums, audience = {}, [0] * (N_ITEMS + 1)
    for history in map(set, histories):
        for i in history:
            audience[i] += 1
        for pair in combinations(sorted(history), 2):
            sums[pair] = sums.get(pair, 0) + 1 / math.log(1 + len(history))
    return {(i, j): s / math.sqrt(audience[i] * audience[j]) for (i, j), s in sums.items()}


def scaled(values):
    least, largest = min(values.values()), max(values.values())
    return {pair: (s - least) / max(largest - least, 1e-12) for pair, s in values.items()}


def of(values, i):
    """Item i's scores, by the other item."""
    return {a + b - i: s for (a, b), s in values.items() if i in (a, b) and a != b}


@given(HISTORIES)
def test_by_users_equals_the_loop(histories):
    found = Similar(corpus(histories), None)
    raw = scores(histories)
    for i in range(N_ITEMS + 1):
        others = of(scaled(raw), i) if raw else {}
        if not others:
            assert found.item[i] == 0 and found.score[i] == -math.inf
            continue
        assert others[int(found.item[i])] == pytest.approx(max(others.values()), abs=1e-5)
        assert float(found.score[i]) == pytest.approx(max(others.values()), abs=1e-5)


@given(HISTORIES.filter(any), st.integers(0, 100), st.sampled_from([2**24, 7]))
def test_the_larger_of_both_similarities_decides(histories, seed, cells):
    torch.manual_seed(seed)
    vectors = torch.randn(N_ITEMS + 1, 3)
    old, similar.CELLS = similar.CELLS, cells  # a few columns at a time
    try:
        found = Similar(corpus(histories), 0)
        found.begin_epoch(lambda: vectors)
    finally:
        similar.CELLS = old
    trained = sorted({i for h in histories for i in h})
    raw = scores(histories)
    dots = scaled({(i, j): float(vectors[i] @ vectors[j]) for i in trained for j in trained}) if trained else {}
    for i in range(N_ITEMS + 1):
        if i not in trained or len(trained) < 2:
            assert found.item[i] == 0
            continue
        best = dict(of(scaled(raw), i)) if raw else {}
        for j, s in of({(a, b): s for (a, b), s in dots.items() if a < b}, i).items():
            best[j] = max(best.get(j, -math.inf), s)
        assert best[int(found.item[i])] == pytest.approx(max(best.values()), abs=1e-4)


def test_vectors_are_asked_from_their_epoch_on_also_after_a_resumption():
    histories = [[1, 2], [3, 4], [1, 2], [3, 5]]
    vectors = torch.zeros(N_ITEMS + 1, 2)
    vectors[[1, 3]] = 1.0

    def refuse():
        raise AssertionError("asked too early")

    found = Similar(corpus(histories), 2)
    found.begin_epoch(refuse)
    found.begin_epoch(refuse)
    fitted = found.item.clone()
    resumed = Similar(corpus(histories), 2)
    resumed.load_state_dict(found.state_dict())
    for one in (found, resumed):
        one.begin_epoch(lambda: vectors)
        assert one.item[4] == 3 and one.item[5] == 3 and one.item[9] == 0
        assert one.item[3] == 1 != fitted[3], "a dot product of 1 is the largest there is"
        one.begin_epoch(lambda: vectors.roll(1, 0))
        assert one.item[4] == 2, "it is computed anew each epoch"


def test_epochs_are_counted_from_0():
    with pytest.raises(CompositionError, match="refresh=-1"):
        Similar(corpus([[1, 2]]), -1)
