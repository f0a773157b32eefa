"""Items that are one product are found by title, by content and by their users."""

import polars as pl
import torch

from ssrec.audit.twins import normalised, same_users, twins


def test_titles_are_compared_by_letters_and_digits():
    titles = pl.Series(["The  Ring (2002)", "the ring, 2002!", "Ringe", "", None, "?!", "Ünïcode — Ω"])
    assert normalised(titles).to_list() == ["the ring 2002", "the ring 2002", "ringe", None, None, None, "ünïcode ω"]


def test_the_same_title_is_found_and_targets_with_a_twin_counted(plant):
    events = [(1, 1), (1, 3), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3), (3, 2)]
    found = twins(plant(events, title=["A b", "a-B", "c"]))
    title = found.kinds["title"]
    assert (title.items, title.groups) == (2, 1)
    assert title.targets == 1, "user 1 met item 1 before its twin 2; user 3 met 2 itself, which is no twin"
    assert title.examples == [["1 A b", "2 a-B"]]
    assert [(f.id, f.grade) for f in found.findings()] == [("near_duplicates", "warning")]


def test_the_same_users_are_found_from_two_on():
    user = torch.tensor([1, 2, 1, 2, 3, 1, 2, 2, 3])
    item = torch.tensor([1, 1, 2, 2, 3, 4, 4, 4, 5])
    group = same_users(item, user, item_rows=7, user_rows=4)
    assert group[1] == group[2] == group[4] > 0
    assert group[3] == group[5] == group[6] == group[0] == 0


def test_content_is_compared_whole(plant):
    events = [(u, i) for u in (1, 2, 3) for i in (u, u % 4 + 1, (u + 1) % 4 + 1)]
    content = {"title": ["a b", "a b", "b", None], "text": ["x y", "x y", "x y", None], "code": ["1", "2", "3", "4"]}
    found = twins(plant(events, **content))
    assert (found.kinds["content"].items, found.kinds["content"].groups) == (2, 1)
    vectors = pl.Series([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0], None], dtype=pl.Array(pl.Float32, 2))
    found = twins(plant(events, image=vectors))
    assert (found.kinds["content"].items, found.kinds["content"].groups) == (2, 1)


def test_attributes_and_numbers_alone_make_no_twins(plant):
    events = [(u, i) for u in (1, 2, 3) for i in (u, u % 4 + 1, (u + 1) % 4 + 1)]
    found = twins(plant(events, genres=[["a"]] * 4, year=[1999] * 4))
    assert set(found.kinds) == {"users"}
    assert not found.findings()
