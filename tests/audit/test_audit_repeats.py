"""Repeats, copies and overlap are found where they are planted."""

from ssrec.audit.repeats import repeats


def ids(section):
    return {f.id: f.grade for f in section.findings()}


def test_nothing_is_found_where_nothing_repeats(plant):
    found = repeats(plant([(u, i, i) for u in (1, 2, 3) for i in range(1, 6)]))
    assert (found.duplicates, found.repeats, sum(found.overlaps.values())) == (0, 0, 0)
    assert not found.findings()


def test_repeats_are_counted(plant):
    found = repeats(plant([(1, 1, 1), (1, 2, 2), (1, 1, 3), (1, 1, 4), (2, 1, 1), (2, 2, 2), (2, 3, 3)]))
    assert found.events == 7
    assert found.duplicates == 2
    assert (found.targets, found.repeats) == (2, 1)
    assert ids(found) == {"duplicates": "warning", "repeats_in_test": "warning"}


def test_the_same_event_in_two_parts_is_grave_with_times(plant):
    events = [(1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 3, 3), (2, 1, 1), (2, 2, 2), (2, 3, 3), (2, 4, 4)]
    found = repeats(plant(events))
    assert found.overlaps == {"validation in train": 0, "test in train": 0, "test in validation": 1}
    assert ids(found)["overlap"] == "grave"
    apart = [(u, i, k) for k, (u, i, _) in enumerate(events)]
    assert "overlap" not in ids(repeats(plant(apart)))


def test_without_times_the_same_pair_in_two_parts_is_a_warning(plant):
    found = repeats(plant([(1, 1), (1, 2), (1, 1), (2, 1), (2, 2), (2, 3)], "rvt rvt"))
    assert found.overlaps == {"validation in train": 0, "test in train": 1, "test in validation": 0}
    assert ids(found)["overlap"] == "warning"


def test_context_counts_as_a_part(plant):
    found = repeats(plant([(1, 1), (1, 2), (2, 3), (2, 3), (3, 1), (3, 2)], "rr ct vr"))
    assert found.overlaps["context in test"] == 1


def test_equal_events_of_two_users_are_none(plant):
    found = repeats(plant([(u, i, 5) for u in (1, 2) for i in (1, 2, 3)]))
    assert not found.findings()
