"""Held-out items: whole, as many as said, and the latest by a loop over first events."""

import pytest
from histories import HISTORIES, N_ITEMS, canonical, parts_of
from hypothesis import assume, given
from hypothesis import strategies as st

from ssrec.data.split import TEST, TRAIN, VAL
from ssrec.data.splits.cold_items import ColdItems
from ssrec.errors import CompositionError, DataError

SHARES = st.integers(1, 99).map(lambda s: s / 100)


def by_item(histories, parts) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for h, ps in zip(histories, parts, strict=True):
        for i, p in zip(h, ps, strict=True):
            found.setdefault(i, set()).add(p)
    return found


@given(histories=HISTORIES, share=SHARES, by=st.sampled_from(["random", "latest"]))
def test_items_are_held_out_whole_and_half_and_half(histories, share, by):
    found = by_item(histories, parts_of(ColdItems(share=share, by=by), canonical(histories)))
    assert all(len(parts) == 1 for parts in found.values())
    counts = [sum(parts == {p} for parts in found.values()) for p in (VAL, TEST)]
    held = min(max(2, int(share * 100 + 0.5) * len(found) // 100), len(found))
    assert sum(counts) == held and counts[1] - counts[0] in (0, 1)


def test_the_latest_of_a_second():
    """Items 1 to 4 begin in one second, the first of them last; 2 has a later event with less behind the comma."""
    data = canonical([[2, 3, 1, 4], [2]], times=[[5] * 4, [6]], within=[[2, 5, 9, 7], [1]])
    assert parts_of(ColdItems(share=0.5, by="latest"), data) == [[TRAIN, TRAIN, TEST, VAL], [TRAIN]]


@given(histories=HISTORIES, share=SHARES, data=st.data())
def test_the_latest_items_by_a_loop(histories, share, data):
    times = [sorted(data.draw(st.lists(st.integers(0, 30), min_size=len(h), max_size=len(h)))) for h in histories]
    first: dict[int, int] = {}
    for h, ts in zip(histories, times, strict=True):
        for i, t in zip(h, ts, strict=True):
            first[i] = min(t, first.get(i, t))
    order = sorted(first, key=lambda i: (first[i], i))
    held = min(max(2, int(share * 100 + 0.5) * len(order) // 100), len(order))
    n_test = held - held // 2
    wanted = {i: {TRAIN} for i in order} | {i: {VAL} for i in order[-held:]} | {i: {TEST} for i in order[-n_test:]}
    found = parts_of(ColdItems(share=share, by="latest"), canonical(histories, times=times))
    assert by_item(histories, found) == wanted


@given(histories=HISTORIES)
def test_every_target_is_cold_and_counted_and_in_the_catalogue(histories):
    try:
        splits = ColdItems(share=0.4)(canonical(histories))
    except DataError:
        assume(False)
        return
    for name, held in (("val", splits.val), ("test", splits.test)):
        assert splits.facts[f"n_cold_{name}_targets"] == splits.facts[f"n_{name}_targets"] == len(held.target.values)
        assert not splits.corpus.trained[held.target.values].any()
    assert splits.corpus.item_rows == N_ITEMS + 1


def test_random_items_do_not_need_times():
    data = canonical([[1, 2, 3, 4], [2, 5, 6, 7]], timed=False)
    assert ColdItems().needs == set() and len(ColdItems()(data).test)
    with pytest.raises(DataError, match="the cold_items split needs times"):
        ColdItems(by="latest")(data)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"share": 1.0}, "split.share=1.0: it is a share"),
        ({"by": "price"}, "split.by=price: choose random or latest"),
        ({"history": "none"}, "split.history=none"),
    ],
)
def test_settings_that_mean_nothing(settings, said):
    with pytest.raises(CompositionError, match=said):
        ColdItems(**settings)
