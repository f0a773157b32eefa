"""Ranks and top lists against a loop over items, on scores full of ties, NaN and infinities."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import asked, ragged

from ssrec.batch import PAD
from ssrec.ranking import rank, ranking, top_items

PALETTES = [
    [],  # normal scores
    [0.0],
    [0.0, 1.0, -1.0],
    [-0.0, 0.0, 2.0],
    [-0.0, 0.0, math.nan],
    [1.0, math.nan],
    [math.nan],
    [-math.inf, 0.0, math.inf],
    [-math.inf, math.nan, -3.4e38, math.inf],
]


def naive_ranks(scores: list[float], targets: list[int], seen: set[int]) -> list[int]:
    wanted = list(dict.fromkeys(t for t in targets if t != PAD))
    others = set(range(1, len(scores))) - seen - set(wanted)
    found = []
    for j, item in enumerate(targets):
        if item == PAD or item in targets[:j]:
            found.append(0)
            continue
        s, before = scores[item], wanted[: wanted.index(item)]
        if math.isnan(s):
            passing = [t for t in wanted if not math.isnan(scores[t]) or t in before]
            found.append(1 + len(others) + len(passing))
        else:
            passing = [t for t in wanted if scores[t] > s or (scores[t] == s and t in before)]
            found.append(1 + sum(scores[i] >= s for i in others) + len(passing))
    return found


def check_top(top: list[int], scores: list[float], candidates: set[int]) -> None:
    ordered = best_first(scores, candidates)
    assert top == [*ordered, *[PAD] * len(top)][: len(top)]


def best_first(scores: list[float], candidates: set[int]) -> list[int]:
    """NaN last, lower ids first among equals."""
    return sorted(candidates, key=lambda i: (math.isnan(scores[i]), 0.0 if math.isnan(scores[i]) else -scores[i], i))


@st.composite
def cases(draw):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    b, n, k = draw(st.integers(0, 6)), draw(st.sampled_from([2, 3, 9, 40, 75, 700])), draw(st.integers(0, 6))
    palette = draw(st.sampled_from(PALETTES))
    scores = torch.randn(b, n, generator=generator)
    if palette:
        scores = torch.tensor(palette)[torch.randint(len(palette), (b, n), generator=generator)]
    # Ids from the whole range: PAD in any place, repeats, and targets that were seen all occur.
    target = torch.randint(n, (b, k), generator=generator)
    target[torch.rand(b, generator=generator) < 0.2] = PAD
    most = draw(st.sampled_from([3, n, 4 * n]))
    seen = [
        torch.randint(1, n, (int(m),), generator=generator).tolist()
        for m in torch.randint(most, (b,), generator=generator)
    ]
    return scores, target, seen


@settings(max_examples=300, deadline=None)
@given(cases(), st.sampled_from([1, 2, 5, 20, 41, 80]))
def test_equals_a_loop(case, k):
    scores, target, seen = case
    before = scores.clone()
    r = ranking(scores, asked(target, ragged(seen)), k)
    assert torch.equal(scores.view(torch.int32), before.view(torch.int32))
    for i, row in enumerate(scores.tolist()):
        targets = target[i].tolist()
        distinct = set(targets) - {PAD}
        assert r.ranks[i].tolist() == naive_ranks(row, targets, set(seen[i]))
        assert r.relevant[i] == len(distinct)
        assert sorted(r.target[i].tolist()) == sorted([*distinct, *[PAD] * (len(targets) - len(distinct))])
        candidates = (set(range(1, len(row))) - set(seen[i])) | distinct
        check_top(r.top[i].tolist(), row, candidates)
        assert r.candidates[i] == len(candidates)
        listed = [row[j] for j in best_first(row, candidates)[: max(k, 5)]]
        same = len(listed) > 1 and len(set(listed)) == 1
        assert r.flat[i] == (same or any(map(math.isnan, row)))
    assert torch.equal(r.ranks, rank(scores, target, ragged(seen)))


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from([1, 2, 5, 20, 41, 80]))
def test_top_items_leaves_out_everything_seen(case, k):
    scores, _, seen = case
    for hidden in (ragged(seen), None):
        top = top_items(scores, k, hidden)
        assert top.shape == (len(scores), k)
        for i, row in enumerate(scores.tolist()):
            check_top(top[i].tolist(), row, set(range(1, len(row))) - (set(seen[i]) if hidden else set()))


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from([1, 2, 5, 20]), st.integers(1, 60))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(case, k, more):
    scores, _, seen = case
    short, long = (top_items(scores, length, ragged(seen)) for length in (k, k + more))
    assert torch.equal(long[:, :k], short)


@pytest.mark.parametrize("value", [0.0, -5.0, math.nan, -math.inf, math.inf])
def test_a_constant_model_ranks_every_target_last(value):
    scores = torch.full((3, 1001), value)
    target = torch.tensor([[1], [500], [1000]])
    assert rank(scores, target, None).flatten().tolist() == [1000] * 3
    assert rank(scores, target, ragged([[2, 3, 3], [], [1000]])).flatten().tolist() == [998, 1000, 1000]


def test_nan_competitors_never_pass_and_nan_targets_come_last():
    scores = torch.tensor([[9.0, math.nan, -math.inf, math.nan, 0.5]])
    assert rank(scores, torch.tensor([[2]]), None).item() == 2
    assert rank(scores, torch.tensor([[4]]), None).item() == 1
    assert rank(scores, torch.tensor([[3]]), None).item() == 4
    assert top_items(scores, 2, None).tolist() == [[4, 2]]


def test_rows_do_not_depend_on_the_block_they_stand_in():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(70, 20_001, generator=generator)
    scores[::9, 17] = math.nan
    target = torch.randint(1, 20_001, (70, 12), generator=generator)
    target[torch.arange(12) >= torch.randint(13, (70, 1), generator=generator)] = PAD
    seen = [
        torch.randint(1, 20_001, (int(m),), generator=generator).tolist()
        for m in torch.randint(40, (70,), generator=generator)
    ]
    together = ranking(scores, asked(target, ragged(seen)), 20)
    for i in range(70):
        alone = ranking(scores[i : i + 1], asked(target[i : i + 1], ragged(seen[i : i + 1])), 20)
        assert torch.equal(together.ranks[i], alone.ranks[0]) and torch.equal(together.top[i], alone.top[0])
    for i in range(0, 70, 9):
        row, targets = scores[i].tolist(), target[i].tolist()
        assert together.ranks[i].tolist() == naive_ranks(row, targets, set(seen[i]))
        check_top(together.top[i].tolist(), row, (set(range(1, 20_001)) - set(seen[i])) | (set(targets) - {PAD}))


def test_a_list_of_one_item_shows_no_order_where_the_first_five_tie():
    """Two that tie at the top are no sign of it."""
    scores = torch.zeros(3, 20)
    scores[0, :5], scores[1, :3] = 1.0, 1.0
    target = torch.tensor([[9], [9], [9]])
    for k in (1, 4):
        assert ranking(scores, asked(target), k).flat.tolist() == [False, False, True]
        assert ranking(scores[:, :6], asked(target[:, :0]), k).flat.tolist() == [False, False, True]


def test_scores_that_share_memory_are_left_alone():
    popularity = torch.arange(50.0)
    found = ranking(popularity.expand(4, -1), asked(torch.full((4, 1), 30), ragged([[49]] * 4)), 3)
    assert found.ranks.flatten().tolist() == [19] * 4 and found.top[0].tolist() == [48, 47, 46]
    assert torch.equal(popularity, torch.arange(50.0))


def test_no_rows():
    found = ranking(torch.empty(0, 9), asked(torch.empty(0, 2, dtype=torch.long)), 3)
    assert found.ranks.shape == (0, 2) and found.top.shape == (0, 3)


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from([0, 3, 40]), st.booleans())
def test_only_what_is_allowed_is_a_candidate_and_targets_always_are(case, k, masked):
    scores, target, seen = case
    allowed = torch.rand(scores.shape, generator=torch.Generator().manual_seed(k)) < 0.5
    r = ranking(scores, asked(target, ragged(seen)), k, mask_seen=masked, allowed=allowed)
    for i, row in enumerate(scores.tolist()):
        targets = target[i].tolist()
        distinct = set(targets) - {PAD}
        out = {j for j in range(len(row)) if not allowed[i, j]} | (set(seen[i]) if masked else set())
        candidates = (set(range(1, len(row))) - out) | distinct
        assert r.ranks[i].tolist() == naive_ranks(row, targets, out)
        assert r.candidates[i] == len(candidates)
        check_top(r.top[i].tolist(), row, candidates)


def test_a_past_that_scores_zero_passes_what_scores_less():
    """S3-Rec's code sets the scores of what was seen to 0, so that it stands before all negative scores."""
    scores = torch.tensor([[9.0, 5.0, -1.0, -2.0, 3.0]])
    batch = asked(torch.tensor([[2]]), ragged([[1, 3]]))
    found = [ranking(scores, batch, 4, mask_seen=how) for how in (True, "zero", False)]
    assert [int(f.ranks) for f in found] == [2, 4, 3]
    assert [f.top.tolist() for f in found][1][0][::3] == [4, 2] and found[2].top.tolist() == [[1, 4, 2, 3]]
    assert [int(f.candidates) for f in found] == [2, 4, 4]


def test_rows_are_chosen_with_all_that_is_known_of_them():
    scores, target = torch.arange(20.0).view(4, 5), torch.tensor([[1], [2], [3], [4]])
    r = ranking(scores, asked(target, ragged([[4], [], [1, 2], [3]])), 2)
    some = r.select(torch.tensor([False, True, False, True]))
    assert some.ranks.tolist() == r.ranks[1::2].tolist() and some.top.tolist() == r.top[1::2].tolist()
    assert some.batch.rows.tolist() == [1, 3] and some.past.padded().tolist() == [[0], [3]]
    assert some.candidates.tolist() == [4, 3]


@settings(max_examples=300, deadline=None)
@given(cases(), st.sampled_from([1, 2, 5, 20, 41, 80]), st.sampled_from([True, "zero", False]), st.booleans())
def test_within_the_lists_ranks_are_exact_without_counting_and_beyond_them_no_rank(case, k, masked, some):
    scores, target, seen = case
    allowed = torch.rand(scores.shape, generator=torch.Generator().manual_seed(k)) < 0.7 if some else None
    batch = asked(target, ragged(seen))
    whole, quick = (ranking(scores, batch, k, mask_seen=masked, allowed=allowed, whole=w) for w in (True, False))
    assert torch.equal(quick.ranks[whole.ranks <= k], whole.ranks[whole.ranks <= k])
    beyond = quick.ranks[whole.ranks > k]
    assert ((beyond == scores.shape[1]) | (beyond == whole.ranks[whole.ranks > k])).all() and (beyond > k).all()
    assert torch.equal(quick.top, whole.top) and torch.equal(quick.flat, whole.flat)


def test_without_lists_there_are_no_ranks_but_whole_ones():
    scores, batch = torch.randn(5, 30), asked(torch.arange(1, 6)[:, None])
    assert torch.equal(ranking(scores, batch, 0, whole=False).ranks, ranking(scores, batch, 0).ranks)


def test_a_list_with_few_candidates_has_no_order_where_all_of_them_tie():
    batch = asked(torch.tensor([[1], [2], [2]]), ragged([[], [], list(range(3, 31))]))
    allowed = torch.zeros(3, 31, dtype=torch.bool)
    allowed[0, 5:9] = allowed[2, 1] = True
    for value in (0.0, -math.inf):
        assert ranking(torch.full((3, 31), value), batch, 10, allowed=allowed).flat.tolist() == [True, False, True]
