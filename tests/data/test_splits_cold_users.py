"""Held-out users: whole, as many as said, and what is read of them comes before what is asked."""

import pytest
from histories import HISTORIES, canonical, parts_of
from hypothesis import assume, given
from hypothesis import strategies as st

from ssrec.data.split import CONTEXT, TEST, TRAIN, VAL
from ssrec.data.splits.cold_users import ColdUsers
from ssrec.errors import CompositionError, DataError

CONTEXTS = st.one_of(st.integers(0, 8), st.integers(1, 99).map(lambda s: s / 100))


@given(histories=HISTORIES.filter(lambda hs: len(hs) > 2), share=st.integers(1, 99), context=CONTEXTS)
def test_against_a_loop(histories, share, context):
    found = parts_of(ColdUsers(share=share / 100, context=context), canonical(histories))
    counts = {TRAIN: 0, VAL: 0, TEST: 0}
    for h, ps in zip(histories, found, strict=True):
        part = ps[-1]
        counts[part] += 1
        n = len(h)
        read = context if isinstance(context, int) else max(1, round(100 * context) * n // 100)
        read = 0 if part == TRAIN else min(read, n - 1)
        assert ps == [CONTEXT] * read + [part] * (n - read)
    held = min(max(2, share * len(histories) // 100), len(histories))
    assert counts[VAL] + counts[TEST] == held and counts[TEST] - counts[VAL] in (0, 1)


@given(histories=HISTORIES)
def test_held_out_users_are_unknown_and_counted(histories):
    try:
        splits = ColdUsers(share=0.5, context=1)(canonical(histories))
    except DataError:
        assume(False)
        return
    assert not splits.val.user.any() and not splits.test.user.any()
    assert splits.facts["n_users_without_training"] == len(splits.val) + len(splits.test)
    assert splits.facts["n_context"] == len(splits.val.past.values) + len(splits.test.past.values)
    assert splits.facts["history"] == "frozen"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"share": 0.0}, "split.share=0.0: it is a share"),
        ({"context": -1}, "split.context=-1"),
        ({"context": 1.5}, "split.context=1.5: a number of events, or a share"),
    ],
)
def test_settings_that_mean_nothing(settings, said):
    with pytest.raises(CompositionError, match=said):
        ColdUsers(**settings)
