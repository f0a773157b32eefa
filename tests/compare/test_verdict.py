"""What a comparison says, in words."""

import math
from dataclasses import replace

import pytest

from ssrec.compare.paired import Pair
from ssrec.compare.verdict import chance, number, verdict

FOUND = Pair(
    metric="ndcg@10",
    first="a",
    second="b",
    users=100,
    seeds=(3, 3),
    difference=0.0021,
    low=0.0012,
    high=0.0030,
    deviation=0.0004,
    low_all=0.0009,
    high_all=0.0033,
    p_t=0.0001,
    p_wilcoxon=0.0001,
    p=0.002,
    effect=0.1,
    higher=0.1,
    lower=0.05,
    equal=0.85,
    p_holm=0.004,
)


def said(lower=False, level=0.95, **changed):
    return verdict(replace(FOUND, **changed), level, lower)


def test_better_worse_or_neither():
    assert said() == "better on ndcg@10 by .0021, interval .0009 to .0033, 3 seeds, p after Holm .004"
    worse = "worse on ndcg@10 by .0021, interval .0009 to .0033, 3 seeds, p after Holm .004"
    assert said(difference=-0.0021, low_all=-0.0033, high_all=-0.0009) == worse
    neither = "not distinguishable on ndcg@10: difference .0021, interval .0009 to .0033, 3 seeds, p after Holm .051"
    assert said(p_holm=0.051) == neither
    assert said(level=0.999).startswith("not distinguishable")
    assert said(low_all=-0.0001).startswith("not distinguishable"), "whatever p says"


def test_lower_may_be_better():
    assert said(lower=True).startswith("worse on ndcg@10 by .0021, interval .0009 to .0033")
    assert said(lower=True, difference=-2.5, low_all=-3.0, high_all=-2.0).startswith(
        "better on ndcg@10 by 2.50, interval 2.00 to 3.00"
    )


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ((3, 5), "3 and 5 seeds"),
        ((None, 4), "4 seeds"),
        ((2, 2), "2 seeds (fewer than 3: others may say otherwise)"),
        ((2, 3), "2 and 3 seeds (fewer than 3: others may say otherwise)"),
        ((None, None), "both fitted without seeds"),
    ],
)
def test_seeds_are_told(seeds, words):
    assert f", {words}, p after" in said(seeds=seeds)


def test_one_seed_leaves_the_interval_over_users():
    words = said(seeds=(1, None), low_all=math.nan, high_all=math.nan)
    seeds = "1 seed (fewer than 3: others may say otherwise)"
    assert words == f"better on ndcg@10 by .0021, interval .0012 to .0030 over users alone, {seeds}, p after Holm .004"


def test_a_single_user():
    assert said(p_holm=math.nan) == "not distinguishable on ndcg@10: a single user tells nothing"


def test_numbers_are_short_and_never_round_to_nothing():
    values = (0.00214, -0.0021, 0.0, 1.0, -1.0, 12.345, 0.99999, 0.00002, -0.00002)
    shown = [".0021", "-.0021", ".0000", "1.00", "-1.00", "12.35", "1.0000", "2e-05", "-2e-05"]
    assert [number(v) for v in values] == shown
    assert [chance(p) for p in (0.000094, 0.0012345, 0.5, 1.0)] == ["below .0001", ".0012", ".5", "1"]
