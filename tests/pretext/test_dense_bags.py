"""Bags as rows of a matrix, and shares of what is outside them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import PAD, Ragged
from ssrec.pretext.dense_bags import dense, some_others

BAGS = Ragged(torch.tensor([2, 5, 1]), torch.tensor([0, 2, 2, 3]))


def test_a_row_has_its_items():
    assert dense(BAGS, 6).nonzero().tolist() == [[0, 2], [0, 5], [2, 1]]


@given(st.integers(0, 4), st.integers(1, 9), st.floats(0, 1), st.integers(0, 2**31))
def test_a_share_is_taken_of_each_rows_others(n_rows, n_items, share, seed):
    torch.manual_seed(seed)
    held = torch.rand(n_rows, n_items + 1) < 0.4
    held[:, PAD] = False
    drawn = some_others(held, share)
    assert not (drawn & held).any() and not drawn[:, PAD].any()
    for row, bag in zip(drawn, held, strict=True):
        assert int(row.sum()) == round(share * (n_items - int(bag.sum())))


def test_all_others_are_drawn_alike():
    drawn = torch.stack([some_others(dense(BAGS, 6), 0.5) for _ in range(3000)]).float().mean(0)
    expected = torch.tensor(
        [[0.0, 2 / 3, 0, 2 / 3, 2 / 3, 0], [0, 0.4, 0.4, 0.4, 0.4, 0.4], [0, 0, 0.5, 0.5, 0.5, 0.5]]
    )
    torch.testing.assert_close(drawn, expected, atol=0.04, rtol=0)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_none_draws_nothing(share):
    before = torch.get_rng_state()
    assert some_others(dense(BAGS, 6), share).sum() == share * (3 + 5 + 4)
    assert torch.equal(torch.get_rng_state(), before)
