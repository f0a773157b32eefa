"""Weights by epoch and step."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssrec.errors import CompositionError
from ssrec.learning.schedules import Anneal, Ramp

STEPS = 3  # of an epoch


def test_a_ramp_is_zero_before_its_first_epoch_then_linear():
    ramp = Ramp(value=1.0, first=2, epochs=3)
    assert [ramp(e) for e in range(7)] == [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert [Ramp(0.3)(e) for e in (0, 9)] == [0.3, 0.3]


def test_a_line_goes_from_start_to_end():
    down = Anneal(start=1.0, end=0.2, length=4, first=2)
    assert [down(e) for e in range(8)] == pytest.approx([1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.2])


def test_a_cosine_leaves_and_arrives_flat():
    up = Anneal(start=0.0, end=2.0, length=4, shape="cosine")
    assert [up(e) for e in range(6)] == pytest.approx([1 - math.cos(math.pi * e / 4) for e in range(5)] + [2.0])


def test_it_counts_steps_where_it_is_told_to():
    down = Anneal(start=1.0, end=0.0, length=10, by="step")
    assert [down(7, step) for step in (0, 5, 10, 11)] == [1.0, 0.5, 0.0, 0.0]


EPOCHS = st.integers(0, 4)
SCHEDULES = st.builds(Ramp, st.sampled_from([0.0, 0.5]), EPOCHS, EPOCHS) | st.builds(
    Anneal,
    st.sampled_from([0.0, 0.5]),
    st.sampled_from([0.0, 0.3]),
    st.integers(1, 8),
    EPOCHS,
    st.sampled_from(["linear", "cosine"]),
    st.sampled_from(["epoch", "step"]),
)


@given(SCHEDULES, st.integers(0, 8))
def test_what_sleeps_does_so_to_the_end_of_the_epoch(schedule, epoch):
    """And what never has a weight in any epoch to come sleeps."""
    weights = [schedule(epoch, step) for step in range(epoch * STEPS, (epoch + 1) * STEPS)]
    if schedule.asleep(epoch, epoch * STEPS):
        assert not any(weights)
    elif not any(weights):
        later = range(epoch * STEPS, 40 * STEPS)
        assert any(schedule(step // STEPS, step) for step in later), "it is woken in vain"


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (Ramp, {"value": 1.0, "first": -1}),
        (Ramp, {"value": 1.0, "epochs": -1}),
        (Anneal, {"length": 0}),
        (Anneal, {"length": 3, "first": -1}),
    ],
)
def test_what_cannot_be_is_refused(make, settings):
    whole = settings if make is Ramp else {"start": 0.0, "end": 1.0, **settings}
    wrong = "length" if settings.get("length") == 0 else next(name for name, value in settings.items() if value == -1)
    with pytest.raises(CompositionError, match=f"{make.__name__}: {wrong}="):
        make(**whole)
