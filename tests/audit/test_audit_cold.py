"""Cold targets, empty rows and users left out are those of the split."""

from ssrec.audit.cold import cold


def ids(section):
    return {f.id: f.grade for f in section.findings()}


def test_a_cold_target_is_found(plant):
    found = cold(plant([(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 1)], "rvt rvt"))
    assert (found.test_targets, found.cold_test_targets, found.cold_val_targets) == (2, 1, 2)
    assert ids(found) == {"cold_targets": "warning"}
    assert "1 of 2 test targets (50.0 %)" in found.findings()[0].sentence


def test_few_cold_targets_are_a_note(plant):
    warm = [(u, i) for u in range(1, 41) for i in (1, 2, 1)]
    found = cold(plant([*warm[:-1], (40, 3)], "rrt" * 39 + "rvt"))
    assert (found.test_targets, found.cold_test_targets) == (40, 1)
    assert ids(found) == {"cold_targets": "note"}


def test_a_row_without_a_past_is_found(plant):
    found = cold(plant([(1, 1), (1, 2), (1, 1), (2, 1)], "rvr t"))
    assert found.test_rows_without_past == 1
    assert ids(found)["rows_without_past"] == "warning"


def test_users_with_nothing_held_out_are_found(plant):
    found = cold(plant([(1, 1), (1, 2), (1, 1), (2, 1), (2, 2)]))
    assert (found.users, found.users_without_held_out) == (2, 1)
    assert ids(found)["users_not_evaluated"] == "warning"


def test_nothing_is_found_where_all_is_warm(plant):
    events = [(u, i) for u in range(1, 5) for i in ((u - 1) % 4 + 1, u % 4 + 1, (u + 1) % 4 + 1, (u + 2) % 4 + 1)]
    assert not cold(plant(events)).findings()
