"""Likelihoods of bags against loops over rows and items."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import Ragged
from ssrec.likelihoods import bernoulli, multinomial

BAGS = st.lists(st.sets(st.integers(1, 6), max_size=6).map(sorted), max_size=5)


def ragged(rows):
    lengths = torch.tensor([0, *map(len, rows)])
    return Ragged(torch.tensor([i for row in rows for i in row], dtype=torch.long), lengths.cumsum(0))


@given(BAGS, st.integers(0, 2**31))
def test_they_equal_the_loops(rows, seed):
    torch.manual_seed(seed)
    users, items = torch.randn(len(rows), 3), torch.randn(7, 3)
    by_softmax = by_sigmoid = 0.0
    for user, row in zip(users, rows, strict=True):
        scores = {i: float(user @ items[i]) for i in range(1, 7)}  # row 0 is padding
        mass = sum(map(math.exp, scores.values()))
        for item, score in scores.items():
            chance = 1 / (1 + math.exp(-score))
            by_sigmoid -= math.log(chance if item in row else 1 - chance)
            by_softmax -= (score - math.log(mass)) * (item in row)
    bag = ragged(rows)
    assert multinomial(users, items, bag).item() == pytest.approx(by_softmax, rel=1e-4, abs=1e-5)
    assert bernoulli(users, items, bag).item() == pytest.approx(by_sigmoid, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("likelihood", [multinomial, bernoulli])
def test_half_precision_gives_single(likelihood):
    users, items, bag = torch.randn(2, 3), torch.randn(7, 3), ragged([[1, 4], [2]])
    assert likelihood(users.bfloat16(), items, bag).dtype == torch.float32
