"""The leak of leave-one-out is measured as loops over targets and events measure it; a split by time has none."""

import pytest
import torch

from ssrec.audit.future import future


def test_it_is_the_naive_loop(plant):
    events = [(u, i, int(t)) for u in range(1, 9) for i, t in enumerate(torch.randint(50, (6,)).sort().values, 1)]
    subject = plant(events)
    train = [(u, t) for (u, _, t), p in zip(events, subject.part.tolist(), strict=True) if p == 0]
    test = [(u, t) for (u, _, t), p in zip(events, subject.part.tolist(), strict=True) if p == 2]
    found = future(subject)
    assert found is not None
    later = [sum(s > t for _, s in train) / len(train) for _, t in test]
    assert found.after_target == pytest.approx(sum(later) / len(later))
    median = sorted(t for _, t in test)[(len(test) - 1) // 2]
    assert found.after_median == pytest.approx(sum(s > median for _, s in train) / len(train))
    assert found.exposed == sum(any(s > t and v != u for v, s in train) for u, t in test)
    assert found.own == 0
    assert sum(map(sum, found.over_time.values())) == len(events)


def test_leave_one_out_leaks_and_a_split_by_time_does_not(plant):
    events = [(u, i, 10 * u + i) for u in range(1, 11) for i in range(1, 5)]
    assert [(f.id, f.grade) for f in future(plant(events)).findings()] == [("future_of_others", "warning")]
    by_time = "".join("rrrr" if u < 9 else "vvvv" if u == 9 else "tttt" for u in range(1, 11))
    assert not future(plant(events, by_time)).findings()


def test_the_latest_event_of_training_may_be_the_user_s_own(plant):
    """User 1 trains after her target and nobody else does: her own future, and that of others for user 2 alone."""
    found = future(plant([(1, 1, 5), (1, 2, 6), (1, 3, 9), (2, 1, 1), (2, 2, 2), (2, 3, 7)], "tvr rvt"))
    assert (found.exposed, found.targets) == (1, 2)
    assert (found.own, found.users) == (1, 2)
    assert {f.id for f in found.findings()} == {"future_of_others", "future_of_the_user"}


def test_without_times_there_is_no_answer(plant):
    assert future(plant([(1, 1), (1, 2), (1, 3)])) is None


def test_dates_beyond_the_calendar_are_numbers(plant):
    found = future(plant([(1, 1, 1), (1, 2, 2), (1, 3, 10**15)]))
    assert "from 1970-01-01 to 1000000000000000" in found.table().note
