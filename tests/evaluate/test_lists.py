"""Lists against the ranking of whole score matrices, and against a loop over each row's list."""

import math

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ssrec.batch import Corpus, Ragged
from ssrec.data.rows import held_batch
from ssrec.data.split import Held
from ssrec.errors import DataError
from ssrec.evaluate.lists import Lists
from ssrec.evaluate.placing import lists_of
from ssrec.ranking import ranking

N = 9
CORPUS = Corpus(torch.arange(1, N + 1), torch.tensor([0, 0, N]), n_users=1, n_items=N)
items = st.integers(1, N)
SCORES = st.sampled_from([-math.inf, -1.0, -0.0, 0.0, 1.0, 2.0, math.nan])
worlds = st.lists(
    st.tuples(
        st.lists(SCORES, min_size=N + 1, max_size=N + 1),
        st.lists(items, max_size=4),  # repeats of a target are allowed
        st.lists(items, max_size=5),
        st.permutations(range(1, N + 1)),  # in which order the file has them
        st.integers(0, N),  # how many of them
    ),
    min_size=1,
    max_size=5,
)


def ragged(rows: list[list[int]]) -> Ragged:
    values = torch.tensor([v for row in rows for v in row], dtype=torch.long)
    return Ragged(values, torch.tensor([0, *(len(r) for r in rows)]).cumsum(0))


def held_of(world) -> Held:
    return Held(torch.ones(len(world), dtype=torch.long), ragged([w[2] for w in world]), ragged([w[1] for w in world]))


def table_of(world, whole: bool = False) -> pl.DataFrame:
    rows = [
        (row, item, own[item])
        for row, (own, _, _, order, n) in enumerate(world)
        for item in (order if whole else order[:n])
    ]
    schema = {"row": pl.Int64, "item": pl.Int64, "score": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_row_index("line")


def judged(world, lists: Lists, held: Held):
    return lists.ranking(held, torch.arange(len(world)), N, 5)


@given(worlds, st.booleans(), st.integers(1, N))
def test_whole_rankings_are_ranked_as_scores_are(world, mask_seen, k):
    held = held_of(world)
    lists = lists_of(table_of(world, whole=True), CORPUS, held, k=k, mask_seen=mask_seen)
    batch = held_batch(held, torch.arange(len(world)), 5)
    scores = torch.tensor([w[0] for w in world])
    expected = ranking(scores, batch, k, mask_seen=mask_seen)
    found = judged(world, lists, held)
    known = ~scores.gather(1, expected.target).isnan()  # targets that are NaN are misses here
    assert torch.equal(found.ranks[known], expected.ranks[known])
    assert (found.ranks[~known & (expected.target > 0)] > N).all()
    for name in ("target", "relevant", "candidates"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    ordered = ~scores.isnan().any(1)
    assert torch.equal(found.flat[ordered], expected.flat[ordered]), "also with lists of one item"
    left_out = [set(w[2]) - set(w[1]) if mask_seen else set() for w in world]
    asked = [row for row, w in enumerate(world) if w[1]]
    nan = any(math.isnan(world[row][0][i]) for row in asked for i in range(1, N + 1) if i not in left_out[row])
    assert lists.complete(held) is not nan
    lengths = (found.top > 0).sum(1)
    assert torch.equal(lengths, expected.candidates.clamp(max=k))
    best = scores.gather(1, found.top).nan_to_num(-1e9, neginf=-1e6)
    assert torch.equal(best, scores.gather(1, expected.top).nan_to_num(-1e9, neginf=-1e6)), "the same but for ties"


def walked(own, targets, seen, order, n, *, mask_seen: bool) -> tuple[dict[int, int], int]:
    """The place of each target that has one, and how many candidates are listed, by walking down a list."""
    listed = [i for i in order[:n] if not (mask_seen and i in seen and i not in targets)]
    wanted = list(dict.fromkeys(targets))
    place = {}
    for i in wanted:
        if i in listed and own[i] == own[i]:
            before = [j for j in listed if j not in wanted and own[j] >= own[i]]
            others = [j for j in wanted if j in listed and j != i and own[j] >= own[i]]
            tied_after = [j for j in others if own[j] == own[i] and wanted.index(j) > wanted.index(i)]
            place[i] = 1 + len(before) + len(others) - len(tied_after)
    return place, len(listed)


@given(worlds, st.booleans())
def test_cut_lists_equal_a_walk_down_each(world, mask_seen):
    held, table = held_of(world), table_of(world)
    expected = [walked(*w, mask_seen=mask_seen) for w in world]
    if not sum(n for _, n in expected):
        with pytest.raises(DataError, match="no listed item is a candidate"):
            lists_of(table, CORPUS, held, k=4, mask_seen=mask_seen)
        return
    lists = lists_of(table, CORPUS, held, k=4, mask_seen=mask_seen)
    found = judged(world, lists, held)
    assert lists.lengths.tolist() == [n for _, n in expected]
    for row, (place, _) in enumerate(expected):
        for item, rank in zip(found.target[row].tolist(), found.ranks[row].tolist(), strict=True):
            if item:
                assert rank == place[item] if item in place else rank > N


def test_ranks_order_as_scores_do_and_equal_ranks_tie():
    held = Held(torch.ones(1, dtype=torch.long), ragged([[]]), ragged([[3, 5]]))
    table = pl.DataFrame({"line": [0, 1, 2, 3], "row": [0] * 4, "item": [5, 3, 4, 1], "rank": [7.0, 0.0, 0.0, 2.0]})
    lists = lists_of(table, CORPUS, held, k=4, mask_seen=True)
    assert lists.top.tolist() == [[4, 3, 1, 5]], "the target behind what ties with it"
    assert lists.places.tolist() == [2, 4]
    assert (lists.rows_with_ties, lists.tied_targets) == (1, 1)


def test_with_both_the_score_tells_what_ties():
    held = Held(torch.ones(1, dtype=torch.long), ragged([[]]), ragged([[3]]))
    both = {"rank": [1.0, 2.0, 3.0], "score": [0.5, 0.5, 0.1]}
    table = pl.DataFrame({"line": [0, 1, 2], "row": [0] * 3, "item": [3, 4, 1], **both})
    assert lists_of(table, CORPUS, held, k=3, mask_seen=True).places.tolist() == [2]
    assert lists_of(table.drop("score"), CORPUS, held, k=3, mask_seen=True).places.tolist() == [1]


@given(worlds, st.lists(st.lists(st.booleans(), min_size=N + 1, max_size=N + 1), min_size=5, max_size=5), st.booleans())
def test_candidates_are_those_that_the_protocol_allows(world, masks, mask_seen):
    held = held_of(world)
    mask = torch.tensor(masks)

    def allowed(rows: Tensor) -> Tensor:
        return mask[rows]

    batch = held_batch(held, torch.arange(len(world)), 5)
    scores = torch.tensor([w[0] for w in world])
    expected = ranking(scores, batch, 3, mask_seen=mask_seen, allowed=allowed(torch.arange(len(world))))
    if not expected.candidates.any():
        return
    table = table_of(world, whole=True)
    lists = lists_of(table, CORPUS, held, k=3, mask_seen=mask_seen, allowed=allowed)
    found = judged(world, lists, held)
    known = ~scores.gather(1, expected.target).isnan()
    assert torch.equal(found.ranks[known], expected.ranks[known])
    assert torch.equal(found.candidates, expected.candidates)
    assert len(table) == lists.listed_seen + lists.listed_no_candidates + int(lists.lengths.sum())
