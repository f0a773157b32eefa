"""Shares of each user's events, against a loop in exact arithmetic."""

from collections import Counter
from fractions import Fraction

import pytest
from histories import HISTORIES, canonical, parts_of
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.split import TEST, TRAIN, VAL
from ssrec.data.splits.ratio import Ratio
from ssrec.errors import CompositionError

SHARES = st.tuples(st.integers(1, 90), st.integers(1, 90)).filter(lambda s: sum(s) < 100)
LONG = st.lists(st.integers(1, 200), min_size=1, max_size=4).map(lambda ns: [[1] * n for n in ns])


def sizes(n: int, val: int, test: int) -> tuple[int, int, int]:
    """Of training, validation and test, with shares in percent."""
    for_test = min(max(1, int(Fraction(test, 100) * n)), n - 1)
    for_val = min(max(1, int(Fraction(val, 100) * n)), n - 1 - for_test)
    return n - for_val - for_test, for_val, for_test


@given(histories=st.one_of(HISTORIES, LONG), shares=SHARES)
def test_the_last_events_are_held_out(histories, shares):
    val, test = shares
    wanted = []
    for h in histories:
        a, b, c = sizes(len(h), val, test)
        wanted.append([TRAIN] * a + [VAL] * b + [TEST] * c)
    assert parts_of(Ratio(val=val / 100, test=test / 100), canonical(histories)) == wanted


@given(histories=st.one_of(HISTORIES, LONG), shares=SHARES, seed=st.integers(0, 5))
def test_random_ones_are_as_many(histories, shares, seed):
    val, test = shares
    found = parts_of(Ratio(val=val / 100, test=test / 100, by="random", seed=seed), canonical(histories))
    for h, ps in zip(histories, found, strict=True):
        counts = Counter(ps)
        assert (counts[TRAIN], counts[VAL], counts[TEST]) == sizes(len(h), val, test)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_short_history_trains_first_then_tests(n):
    assert parts_of(Ratio(), canonical([[1] * n])) == [[TRAIN, *([VAL] if n == 3 else []), *([TEST] if n > 1 else [])]]


def test_random_parts_read_what_comes_later_and_the_facts_say_so():
    facts = Ratio(by="random")(canonical([[1, 2, 3, 4, 5, 6]] * 20)).facts
    assert 0 < facts["n_test_with_later_past"] <= 20
    assert Ratio()(canonical([[1, 2, 3, 4, 5, 6]] * 20)).facts["n_test_with_later_past"] == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"val": 0.0}, "split.val=0.0: it is a share"),
        ({"test": 1.0}, "split.test=1.0: it is a share"),
        ({"val": 0.5, "test": 0.5}, "split.val=0.5 and split.test=0.5 leave nothing to train on"),
        ({"by": "rating"}, "split.by=rating: choose time or random"),
        ({"history": "none"}, "split.history=none"),
    ],
)
def test_settings_that_mean_nothing(settings, said):
    with pytest.raises(CompositionError, match=said):
        Ratio(**settings)
