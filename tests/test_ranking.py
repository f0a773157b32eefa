"""Ranks and top lists against a loop over items, on scores full of ties, NaN and infinities."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssrec.batch import PAD, Ragged
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


def ragged(rows: list[list[int]]) -> Ragged:
    offsets = torch.tensor([0, *(len(r) for r in rows)]).cumsum(0)
    return Ragged(torch.tensor([i for r in rows for i in r], dtype=torch.long), offsets)


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
    ordered = sorted((scores[i] for i in candidates), key=lambda s: (math.isnan(s), -s))
    real = [i for i in top if i != PAD]
    assert len(set(real)) == len(real) and set(real) <= candidates
    assert top == real + [PAD] * (len(top) - len(real))
    assert [repr(scores[i] + 0.0) for i in real] == [repr(s + 0.0) for s in ordered[: len(top)]]


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
    r = ranking(scores, target, ragged(seen), k)
    assert torch.equal(scores.view(torch.int32), before.view(torch.int32))
    for i, row in enumerate(scores.tolist()):
        targets = target[i].tolist()
        distinct = set(targets) - {PAD}
        assert r.ranks[i].tolist() == naive_ranks(row, targets, set(seen[i]))
        assert r.relevant[i] == len(distinct)
        assert sorted(r.target[i].tolist()) == sorted([*distinct, *[PAD] * (len(targets) - len(distinct))])
        check_top(r.top[i].tolist(), row, (set(range(1, len(row))) - set(seen[i])) | distinct)
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
    together = ranking(scores, target, ragged(seen), 20)
    for i in range(70):
        alone = ranking(scores[i : i + 1], target[i : i + 1], ragged(seen[i : i + 1]), 20)
        assert torch.equal(together.ranks[i], alone.ranks[0]) and torch.equal(together.top[i], alone.top[0])
    for i in range(0, 70, 9):
        row, targets = scores[i].tolist(), target[i].tolist()
        assert together.ranks[i].tolist() == naive_ranks(row, targets, set(seen[i]))
        check_top(together.top[i].tolist(), row, (set(range(1, 20_001)) - set(seen[i])) | (set(targets) - {PAD}))


def test_scores_that_share_memory_are_left_alone():
    popularity = torch.arange(50.0)
    found = ranking(popularity.expand(4, -1), torch.full((4, 1), 30), ragged([[49]] * 4), 3)
    assert found.ranks.flatten().tolist() == [19] * 4 and found.top[0].tolist() == [48, 47, 46]
    assert torch.equal(popularity, torch.arange(50.0))


def test_no_rows():
    found = ranking(torch.empty(0, 9), torch.empty(0, 2, dtype=torch.long), None, 3)
    assert found.ranks.shape == (0, 2) and found.top.shape == (0, 3)
