"""Stored lists: what our metrics saw, in the ids of the raw data, whoever ties."""

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rankings import asked, ragged

from ssrec.errors import CompositionError
from ssrec.ranking import ranking
from ssrec.runs import read
from ssrec.top_lists import FILE, TopLists, in_order
from ssrec.train import train

N = 9
items = st.integers(1, N)


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, float("nan")]), min_size=N + 1, max_size=N + 1),
            st.lists(items, min_size=1, max_size=3),
            st.lists(items, max_size=4),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, N + 2),
)
def test_every_target_stands_at_its_rank_and_the_others_in_order(rows, k):
    scores = torch.tensor([r[0] for r in rows])
    target = torch.tensor([[*r[1], *[0] * (3 - len(r[1]))] for r in rows])
    found = ranking(scores, asked(target, ragged([r[2] for r in rows])), k + 3)
    listed = in_order(found, k)
    for row, (own, wanted, seen) in enumerate(rows):
        candidates = [i for i in range(1, N + 1) if i not in seen or i in wanted]
        got = [i for i in listed[row].tolist() if i]
        assert len(got) == len(set(got)) == min(k, len(candidates))
        assert set(got) <= set(candidates)
        for item in set(wanted):
            rank = int(found.ranks[row][(found.target[row] == item)][0])
            assert got.index(item) + 1 == rank if rank <= k else item not in got
        others = [own[i] for i in got if i not in wanted]
        left = [own[i] for i in candidates if i not in wanted]
        best = sorted(left, key=lambda v: (v == v, v), reverse=True)[: len(others)]
        assert str(others) == str(best), "NaN last, and none better is left out"


def test_scores_are_those_that_ranked():
    scores = torch.tensor([[0.0, 5.0, -1.0, 3.0, -2.0]])
    lists = TopLists(4)
    batch = asked(torch.tensor([[2]]), ragged([[1]]))
    lists.add(scores, ranking(scores, batch, lists.depth(1), mask_seen="zero"), zeroed=True)
    lists.gather()
    _, listed, values = lists.table()
    assert listed.tolist() == [[3, 1, 2, 4]]
    assert values.tolist() == [[3.0, 0.0, -1.0, -2.0]]


def stored(folder) -> pl.DataFrame:
    return pl.read_parquet(folder / FILE)


def test_a_run_writes_them_where_that_is_asked_for(tiny):
    plain = train(tiny("recipe=markov"))
    assert not (plain / FILE).exists()
    folder = train(tiny("recipe=markov", "rankings=7"))
    table = stored(folder)
    assert table.columns == ["user", "item", "rank", "score"]
    assert len(table) == 7 * read(folder)["protocol"]["n_test"]
    assert table["rank"].to_list()[:8] == [1, 2, 3, 4, 5, 6, 7, 1]
    falls = table.group_by("user").agg(pl.col("score").is_sorted(descending=True))
    assert falls["score"].all()
    assert read(folder)["metrics"] == read(plain)["metrics"], "to store them changes nothing"


@pytest.mark.parametrize("recipe", ["popularity", "item_knn"])
def test_how_long_stored_lists_are_changes_no_metric(tiny, recipe):
    """Of many items that tie, those that are listed decide what is diverse, novel and covered."""
    lengths = [[], ["rankings=13"], ["rankings=64"]]
    plain, *others = [read(train(tiny(f"recipe={recipe}", "dataset.users=20", *asked)))["metrics"] for asked in lengths]
    assert others == [plain, plain]
    assert {"test/diversity_attributes@10", "test/coverage@10"} <= plain.keys()


def test_users_whom_no_model_knows_have_their_ids(tiny):
    folder = train(tiny("recipe=markov", "rankings=3", "split=strong_generalisation"))
    table, per_user = stored(folder), pl.read_parquet(folder / "per_user.parquet")
    assert per_user["user"].is_null().all()
    assert table["user"].n_unique() == len(per_user)


def test_pretraining_writes_none(tiny):
    folder = train(tiny("objective@pretrain.objective=[masked_item]", "rankings=3"))
    assert (folder / FILE).exists()
    before = read(folder)["init"]["fingerprint"]
    assert not (folder.parent / before / FILE).exists()
    train(tiny("objective@pretrain.objective=[masked_item]", "rankings=4"))
    assert len([f for f in folder.parent.iterdir() if f.is_dir()]) == 3, "the same pretraining"


@pytest.mark.parametrize("length", ["0", "-3", "2.5", "many", "true"])
def test_what_is_no_length_is_refused(tiny, length):
    with pytest.raises(CompositionError, match=r"rankings is .*for example rankings=100"):
        train(tiny("recipe=markov", f"rankings={length}"))
