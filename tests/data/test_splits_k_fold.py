"""Folds: all together test every event once, and are as even as they can be."""

from collections import Counter

import pytest
from histories import HISTORIES, canonical, parts_of
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.split import TEST, TRAIN, VAL
from ssrec.data.splits.k_fold import KFold
from ssrec.errors import CompositionError


@pytest.mark.parametrize("of", ["user", "all"])
@given(histories=HISTORIES, n=st.integers(3, 6), seed=st.integers(0, 3))
def test_the_folds_together(of, histories, n, seed):
    data = canonical(histories)
    found = [parts_of(KFold(n=n, fold=fold, of=of, seed=seed), data) for fold in range(n)]
    for u, h in enumerate(histories):
        for i in range(len(h)):
            parts = [found[fold][u][i] for fold in range(n)]
            assert parts.count(TEST) == parts.count(VAL) == 1 and parts.count(TRAIN) == n - 2
            assert parts[parts.index(TEST) - 1] == VAL, "the next fold is for validation"
    users = found[0] if of == "user" else [[p for ps in found[0] for p in ps]]
    for u, ps in enumerate(users):
        counts = [Counter(p for x in (f[u : u + 1] if of == "user" else f) for p in x)[TEST] for f in found]
        assert sum(counts) == len(ps) and max(counts) - min(counts) <= 1


def test_short_histories_are_spread_over_the_folds():
    data = canonical([[1, 2]] * 400)
    counts = [sum(p == TEST for ps in parts_of(KFold(n=5, fold=f), data) for p in ps) for f in range(5)]
    assert all(abs(c - 160) < 50 for c in counts)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n": 2}, "split.n=2"),
        ({"fold": 5}, "split.fold=5: with split.n=5 it is one of 0 to 4"),
        ({"of": "items"}, "split.of=items: choose user or all"),
        ({"history": "none"}, "split.history=none"),
    ],
)
def test_settings_that_mean_nothing(settings, said):
    with pytest.raises(CompositionError, match=said):
        KFold(**settings)
