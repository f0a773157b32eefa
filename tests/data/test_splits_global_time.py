"""Moments: seconds, dates and fractions, against a loop; nobody's past holds anybody's future."""

import re

import pytest
import torch
from histories import HISTORIES, canonical, parts_of
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ssrec.batch import Ragged
from ssrec.data.split import TEST, TRAIN, VAL, Events, cut
from ssrec.data.splits.events import nth
from ssrec.data.splits.global_time import GlobalTime
from ssrec.errors import CompositionError, DataError


@st.composite
def timed(draw):
    histories = draw(HISTORIES)
    return histories, [sorted(draw(st.lists(st.integers(0, 20), min_size=len(h), max_size=len(h)))) for h in histories]


@given(world=timed(), val=st.integers(0, 20), test=st.integers(1, 21))
def test_seconds_against_a_loop(world, val, test):
    assume(val < test)
    histories, times = world
    wanted = [[TRAIN if t < val else VAL if t < test else TEST for t in ts] for ts in times]
    assert parts_of(GlobalTime(val_from=val, test_from=test), canonical(histories, times=times)) == wanted


@given(world=timed(), fractions=st.tuples(st.integers(1, 99), st.integers(1, 99)).filter(lambda f: f[0] < f[1]))
def test_a_fraction_is_the_time_of_the_event_behind_it(world, fractions):
    histories, times = world
    every = sorted(t for ts in times for t in ts)
    val, test = (every[f * len(every) // 100] for f in fractions)
    split = GlobalTime(val_from=fractions[0] / 100, test_from=fractions[1] / 100)
    data = canonical(histories, times=times)
    if val >= test:
        with pytest.raises(DataError, match=r"no event lies between split\.val_from="):
            parts_of(split, data)
        return
    wanted = [[TRAIN if t < val else VAL if t < test else TEST for t in ts] for ts in times]
    assert parts_of(split, data) == wanted
    assert sum(p == TRAIN for ps in wanted for p in ps) <= fractions[0] * len(every) / 100


@st.composite
def finely_timed(draw):
    """Few moments in few seconds, so that cuts fall inside of them."""
    histories = draw(HISTORIES)
    moment = st.tuples(st.integers(0, 2), st.integers(0, 3).map(lambda n: 250_000_000 * n))
    return histories, [sorted(draw(st.lists(moment, min_size=len(h), max_size=len(h)))) for h in histories]


def finely(histories, moments):
    times, within = ([[m[k] for m in ms] for ms in moments] for k in (0, 1))
    return canonical(histories, times=times, within=within)


@given(world=finely_timed(), val=st.integers(1, 11), test=st.integers(1, 11))
def test_parts_of_a_second_decide_too(world, val, test):
    assume(val < test)
    histories, moments = world
    quarters = [[4 * s + n // 250_000_000 for s, n in ms] for ms in moments]
    wanted = [[TRAIN if q < val else VAL if q < test else TEST for q in qs] for qs in quarters]
    iso = [f"1970-01-01T00:00:0{q // 4}.{q % 4 * 25:02}" for q in (val, test)]
    data = finely(histories, moments)
    assert parts_of(GlobalTime(val_from=iso[0], test_from=iso[1]), data) == wanted
    if val > 3:  # less than a second is a fraction of the events
        assert parts_of(GlobalTime(val_from=val / 4, test_from=test / 4), data) == wanted
    whole = canonical(histories, times=[[s for s, _ in ms] for ms in moments])
    wanted = [[TRAIN if 4 * s < val else VAL if 4 * s < test else TEST for s, _ in ms] for ms in moments]
    assert parts_of(GlobalTime(val_from=iso[0], test_from=iso[1]), whole) == wanted


@given(world=finely_timed(), fractions=st.tuples(st.integers(1, 99), st.integers(1, 99)).filter(lambda f: f[0] < f[1]))
def test_a_fraction_falls_inside_a_second(world, fractions):
    histories, moments = world
    every = sorted(m for ms in moments for m in ms)
    val, test = (every[f * len(every) // 100] for f in fractions)
    split, data = GlobalTime(val_from=fractions[0] / 100, test_from=fractions[1] / 100), finely(histories, moments)
    if val >= test:
        with pytest.raises(DataError, match="no event lies between"):
            parts_of(split, data)
        return
    wanted = [[TRAIN if m < val else VAL if m < test else TEST for m in ms] for ms in moments]
    assert parts_of(split, data) == wanted
    written = f"1970-01-01T00:00:0{val[0]}" + f".{val[1]:09}".rstrip("0").rstrip(".") + "+00:00"
    assert split.found(Events.of(data))["val_from_time"] == written


class Results(TorchFunctionMode):
    """Bytes of the largest tensor that was made of others, and the elements of all that tensors were made of."""

    def __init__(self):
        super().__init__()
        self.largest = self.read = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        made = [t for t in (out if isinstance(out, tuple) else [out]) if isinstance(t, Tensor)]
        new = [t.untyped_storage() for t in made if t.untyped_storage().data_ptr() not in self.known]
        self.largest = max([self.largest, *(storage.nbytes() for storage in new)])
        self.read += sum(x.numel() for x in args if isinstance(x, Tensor) and made)
        return out

    def over(self, call, events):
        self.known = {t.untyped_storage().data_ptr() for t in (events.item, events.time)}
        self.largest = self.read = 0
        with self:
            call(events)
        return self.largest, self.read


def test_moments_are_looked_for_once_and_nothing_wide_is_as_long_as_the_events(monkeypatch):
    monkeypatch.setattr("ssrec.data.splits.events.BLOCK", 64)
    n = 10_000
    table = canonical([[1] * n], times=[[7 * k * k for k in range(n)]])
    events, split, results = Events.of(table), GlobalTime(), Results()
    largest, read = results.over(split.parts, events)
    assert largest == n and read > 2 * n, "a byte an event, for their parts"
    assert results.over(split.found, events)[1] == 0
    assert split.found(Events.of(canonical([[1, 1]], times=[[5, 6]]))) != split.found(events)


@given(values=st.lists(st.integers(-(2**40), 2**40) | st.integers(-3, 3), min_size=1, max_size=20), data=st.data())
def test_nth_is_that_of_the_sorted_values(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    assert nth(torch.tensor(values), place) == sorted(values)[place]


@pytest.mark.parametrize("history", ["growing", "frozen"])
@given(world=timed())
def test_no_past_holds_what_comes_after_a_target(history, world):
    histories, times = world
    try:
        splits = cut(GlobalTime(val_from=7, test_from=14, history=history), canonical(histories, times=times))
    except DataError:
        assume(False)
        return
    end = 14 if history == "growing" else 7
    assert (splits.test.times < end).all() and (splits.val.times < 7).all() and (splits.corpus.times < 7).all()
    assert splits.facts["n_test_with_later_past"] == splits.facts["n_val_with_later_past"] == 0


def test_users_who_come_later_are_kept_as_unknown_and_counted():
    times = [[1, 8, 15], [16, 17], [9, 18], [2, 3, 16]]
    splits = cut(GlobalTime(val_from=7, test_from=14), canonical([[1, 2, 3], [4, 5], [6, 7], [1, 3, 8]], times=times))
    assert splits.test.user.tolist() == [1, 0, 0, 4] and splits.val.user.tolist() == [1, 0]
    pasts = [splits.test.past.values[a:b].tolist() for a, b in splits.test.past.offsets.unfold(0, 2, 1).tolist()]
    assert pasts == [[1, 2], [], [6], [1, 3]]
    assert splits.test.target.lengths.tolist() == [1, 2, 1, 1]
    facts = splits.facts
    assert (facts["n_users_without_training"], facts["n_test_without_past"]) == (2, 1)
    assert facts["n_cold_test_targets"] == 4 and facts["n_test_targets"] == 5
    frozen = cut(
        GlobalTime(val_from=7, test_from=14, history="frozen"),
        canonical([[1, 2, 3], [4, 5], [6, 7], [1, 3, 8]], times=times),
    )
    assert frozen.test.past.lengths.tolist() == [1, 0, 0, 2]
    assert isinstance(frozen.test.past, Ragged) and torch.equal(frozen.test.target.values, splits.test.target.values)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("1970-01-02", 86400),
        ("1970-01-02T01:00:00", 90000),
        ("1970-01-02T01:00:00+01:00", 86400),
        (86400, 86400),
        (86400.0, 86400),
    ],
)
def test_dates_are_in_utc_and_the_facts_say_them(moment, seconds):
    data = canonical([[1, 2, 3, 4]], times=[[0, seconds - 1, seconds, seconds + 10]])
    split = GlobalTime(val_from=1, test_from=moment)
    assert parts_of(split, data) == [[TRAIN, VAL, TEST, TEST]]
    assert split(data).facts["test_from_time"] == "1970-01-02T00:00:00+00:00".replace(
        "00:00:00", f"{(seconds - 86400) // 3600:02}:00:00", 1
    )
    assert split(data).facts["val_from_time"] == "1970-01-01T00:00:01+00:00"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"val_from": "last May"}, "split.val_from=last May: say seconds since 1970, an ISO date such as"),
        ({"val_from": 0.9, "test_from": 0.8}, "split.val_from=0.9 is not before split.test_from=0.8"),
        ({"val_from": "2014-01-02", "test_from": 1000}, "split.val_from=2014-01-02 is not before split.test_from=1000"),
        ({"val_from": 0.5, "test_from": 0.5}, "is not before"),
        ({"val_from": float("nan")}, "split.val_from=nan is no moment"),
        ({"history": "none"}, "split.history=none: choose growing or frozen"),
    ],
)
def test_settings_that_mean_nothing(settings, said):
    with pytest.raises(CompositionError, match=re.escape(said)):
        GlobalTime(**settings)
