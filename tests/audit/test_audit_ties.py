"""Ties are counted as a loop counts them."""

from ssrec.audit.ties import ties

DAY = 86_400


def test_they_are_counted(plant):
    # User 1 has two tied pairs, none at the end; 2 has one, at the end; 3 shares a day with 2 alone, and is not tested.
    first = [(1, 1, DAY), (1, 2, DAY), (1, 3, DAY), (1, 4, 2 * DAY)]
    second = [(2, 1, DAY), (2, 2, 2 * DAY), (2, 3, 3 * DAY), (2, 4, 3 * DAY)]
    subject = plant([*first, *second, (3, 1, 3 * DAY)])
    found = ties(subject)
    assert found is not None
    assert (found.neighbours, found.tied, found.longest, found.unit) == (6, 3, 3, "days")
    assert (found.users, found.users_tied_at_the_end, found.rows, found.rows_tied) == (3, 1, 2, 1)
    (finding,) = found.findings()
    assert finding.grade == "warning"
    assert "50.0 % of neighbouring events (3)" in finding.sentence


def test_the_target_tied_is_that_of_the_split(plant):
    events = [(1, 1, DAY), (1, 2, 2 * DAY), (1, 3, 2 * DAY), (1, 4, 3 * DAY)]
    tested = [ties(plant(events, parts)) for parts in ("rvrt", "rvtr", "vtrr")]
    assert [t.rows_tied for t in tested if t] == [0, 1, 0]


def test_without_ties_there_is_no_finding(plant):
    found = ties(plant([(u, i, i * 61) for u in (1, 2) for i in (1, 2, 3, 4)]))
    assert found is not None
    assert found.unit == "seconds"
    assert not found.findings()


def test_without_times_there_is_no_answer(plant):
    assert ties(plant([(1, 1), (1, 2), (1, 3)])) is None
