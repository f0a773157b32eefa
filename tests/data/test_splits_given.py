"""The publisher's parts stay; validation comes out of training alone."""

from fractions import Fraction

import pytest
from histories import HISTORIES, canonical, parts_of
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.split import TEST, TRAIN, VAL, Events
from ssrec.data.splits.given import Given
from ssrec.errors import CompositionError, DataError

WORDS = {"train": TRAIN, "val": VAL, "test": TEST}


@st.composite
def published(draw, *words: str):
    histories = draw(HISTORIES)
    parts = [draw(st.lists(st.sampled_from(words), min_size=len(h), max_size=len(h))) for h in histories]
    return histories, parts


@given(world=published("train", "val", "test"))
def test_with_a_validation_part_nothing_changes(world):
    histories, parts = world
    if any("val" in ps for ps in parts):
        events = Events.of(canonical(histories, parts=parts))
        assert Given().found(events) == {"validation": "published"}
        assert parts_of(Given(), canonical(histories, parts=parts)) == [[WORDS[p] for p in ps] for ps in parts]


@given(world=published("train", "test"), val=st.integers(1, 99))
def test_else_the_last_training_events_are_taken(world, val):
    histories, parts = world
    wanted = []
    for ps in parts:
        train = [i for i, p in enumerate(ps) if p == "train"]
        n = min(max(1, int(Fraction(val, 100) * len(train))), max(len(train) - 1, 0))
        taken = train[len(train) - n :]
        wanted.append([VAL if i in taken else WORDS[p] for i, p in enumerate(ps)])
    data = canonical(histories, parts=parts)
    assert parts_of(Given(val=val / 100, by="time"), data) == wanted
    drawn = parts_of(Given(val=val / 100, by="random"), data)
    for ps, qs, ws in zip(parts, drawn, wanted, strict=True):
        assert [q == TEST for q in qs] == [p == "test" for p in ps], "nothing leaves the test part"
        assert qs.count(VAL) == ws.count(VAL)


def test_a_growing_past_is_the_whole_published_training_part():
    data = canonical([[1, 2, 3, 4]] * 3, parts=[["train", "test", "train", "train"]] * 3)
    growing, frozen = Given()(data), Given(history="frozen")(data)
    assert growing.test.past.values.tolist() == [1, 3, 4] * 3
    assert frozen.test.past.lengths.tolist() == [2] * 3
    assert growing.facts["n_test_with_later_past"] == 3 and growing.facts["validation"] == "cut from training"


def test_parts_are_needed_and_one_to_test_with():
    with pytest.raises(DataError, match="the given split needs parts; toy has times"):
        Given()(canonical([[1, 2, 3]]))
    with pytest.raises(DataError, match=r"toy: split=given, .* leaves no event to test with"):
        Given()(canonical([[1, 2, 3]], parts=[["train"] * 3]))


@pytest.mark.parametrize("settings", [{"val": 1.0}, {"by": "rating"}, {"history": "none"}])
def test_settings_that_mean_nothing(settings):
    with pytest.raises(CompositionError, match=rf"split\.{next(iter(settings))}="):
        Given(**settings)
