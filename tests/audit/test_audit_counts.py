"""Counts at every stage, and what cleaning removed."""

from ssrec.audit.counts import counts


def test_stages_are_counted(plant):
    found = counts(plant([(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)], "rrt rv", removed={"ratings below 4": 5}))
    stages = {s.name: (s.events, s.users, s.items) for s in found.stages}
    assert stages == {
        "raw": (10, None, None),
        "canonical": (5, 2, 3),
        "train": (3, 2, 2),
        "validation": (1, 1, 1),
        "test": (1, 1, 1),
    }
    assert found.stages[2].density == 3 / 4
    assert found.histories == [0, 1, 1]


def test_what_was_removed_is_a_note_and_more_than_half_a_warning(plant):
    events = [(u, i) for u in (1, 2) for i in range(1, 8)]
    few, many = (counts(plant(events, removed={"rows": n})) for n in (3, 14))
    assert [(f.id, f.grade) for f in few.findings()] == [("removed", "note")]
    assert "3 of 17 events" in few.findings()[0].sentence
    assert [(f.id, f.grade) for f in many.findings()] == [("removed", "warning")]


def test_short_histories_are_found(plant):
    long = [(1, i) for i in range(1, 9)]
    assert not counts(plant([*long, (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (2, 6)])).findings()
    found = counts(plant([*long, (2, 1), (2, 2), (2, 3), (2, 4), (2, 5)]))
    assert [f.id for f in found.findings()] == ["short_histories"]


def test_the_steps_of_cleaning_are_stages(plant):
    steps = [
        {"step": "as read", "rows": 9, "users": 3, "items": 4, "rows_removed": 0},
        {"step": "rating", "rows": 7, "users": 2, "items": 3, "rows_removed": 2},
        {"step": "k-core", "rows": 5, "users": 2, "items": 3, "rows_removed": 2},
    ]
    events = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    found = counts(plant(events, "rrt rv", removed={"bad rows": 1}, steps=steps))
    assert [(s.name, s.events) for s in found.stages[:5]] == [
        ("raw", 10),
        ("as read", 9),
        ("rating", 7),
        ("k-core", 5),
        ("canonical", 5),
    ]
    assert found.stages[2].density == 7 / 6
    (finding,) = (f for f in found.findings() if f.id == "removed")
    assert finding.grade == "warning"
    assert "5 of 10 events (50.0 %): 1 bad rows, 2 rating, 2 k-core." in finding.sentence


def test_where_all_was_read_the_first_line_is_the_raw_data(plant):
    steps = [
        {"step": "as read", "rows": 7, "users": 3, "items": 4, "rows_removed": 0},
        {"step": "rating", "rows": 5, "users": 2, "items": 3, "rows_removed": 2},
    ]
    found = counts(plant([(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)], "rrt rv", steps=steps))
    assert [(s.name, s.events, s.users) for s in found.stages[:3]] == [
        ("raw", 7, 3),
        ("rating", 5, 2),
        ("canonical", 5, 2),
    ]
    assert found.removed == {"rating": 2}
