"""Held-out users with a fold-in part, against a loop."""

from collections import Counter
from fractions import Fraction

import pytest
from histories import HISTORIES, canonical, parts_of
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.split import CONTEXT, TEST, TRAIN, VAL
from ssrec.data.splits.strong_generalisation import StrongGeneralisation
from ssrec.errors import CompositionError, DataError

MANY = HISTORIES.filter(lambda hs: len(hs) > 2)


@given(
    histories=MANY, val=st.integers(1, 3), test=st.integers(1, 3), fold_in=st.integers(1, 99), seed=st.integers(0, 3)
)
def test_against_a_loop(histories, val, test, fold_in, seed):
    split = StrongGeneralisation(val=val, test=test, fold_in=fold_in / 100, seed=seed)
    if val + test >= len(histories):
        with pytest.raises(DataError, match=rf"toy has {len(histories)} users: split.val={val} and split.test={test}"):
            parts_of(split, canonical(histories))
        return
    found = parts_of(split, canonical(histories))
    users = Counter()
    for h, ps in zip(histories, found, strict=True):
        (part,) = set(ps) - {CONTEXT}
        users[part] += 1
        targets = min(max(1, int(Fraction(100 - fold_in, 100) * len(h))), len(h))
        assert ps.count(CONTEXT) == (0 if part == TRAIN else len(h) - targets)
    assert users == Counter({TRAIN: len(histories) - val - test, VAL: val, TEST: test})


@given(histories=MANY, share=st.integers(1, 49))
def test_shares_of_users(histories, share):
    found = parts_of(StrongGeneralisation(val=share / 100, test=share / 100), canonical(histories))
    n = max(1, share * len(histories) // 100)
    assert [sum(ps[-1] in (p, CONTEXT) and p in ps for ps in found) for p in (VAL, TEST)] == [n, n]


def test_any_event_may_be_folded_in():
    found = parts_of(StrongGeneralisation(val=1, test=900), canonical([[1, 2, 3, 4, 5]] * 1000))
    asked = [ps.index(TEST) for ps in found if TEST in ps]
    assert all(140 < n < 220 for n in Counter(asked).values()) and len(Counter(asked)) == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"val": 0}, "split.val=0: a number of users"),
        ({"test": 1.5}, "split.test=1.5: a number of users"),
        ({"val": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"fold_in": 1.0}, "split.fold_in=1.0: it is a share"),
    ],
)
def test_settings_that_mean_nothing(settings, said):
    with pytest.raises(CompositionError, match=said):
        StrongGeneralisation(**settings)
