"""The long tail against a walk down the items by popularity."""

from math import isclose

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rankings import lists

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.metrics.long_tail import LongTail, head_items


def naive(counts: list[int], share: float) -> list[bool]:
    """Take items from the most popular on until they make the share; then whatever ties with the last one."""
    made, least = 0, 0
    for count in sorted(counts, reverse=True):
        if made > share * sum(counts) or isclose(made, share * sum(counts)):
            break
        made, least = made + count, count
    return [count >= least > 0 for count in counts]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0]))
def test_head_equals_a_walk(counts, share):
    assert head_items(torch.tensor([0, *counts]), share).tolist() == [False, *naive(counts, share)]


def test_the_least_head_that_is_enough():
    counts = torch.tensor([0, 6, 2, 1, 1, 0])  # 6 + 2 are exactly 80 %
    assert head_items(counts, 0.8).tolist() == [False, True, True, False, False, False]
    assert head_items(counts, 0.81).tolist() == [False, True, True, True, True, False], "ties stay together"
    assert head_items(torch.tensor([0, 0, 0]), 0.8).tolist() == [False] * 3


def test_the_share_of_a_list():
    events = torch.tensor([1] * 6 + [2] * 2 + [3, 4])
    corpus = Corpus(events, torch.tensor([0, 0, 10]), n_users=1, n_items=5)
    metric = LongTail(corpus, ks=[1, 3])
    metric.update(lists([[3, 1, 5], [2, 4, 0], [0, 0, 0]], 3))  # the last row has no candidate and does not count
    assert {k: v.item() for k, v in metric.compute().items()} == pytest.approx(
        {"long_tail@1": (1 + 0) / 2, "long_tail@3": (2 / 3 + 1 / 2) / 2}, abs=1e-12
    )
    narrow = LongTail(corpus, share=0.5, ks=[3])
    narrow.update(lists([[1, 2, 3]], 3))
    assert narrow.compute()["long_tail@3"].item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_no_share(share):
    corpus = Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=5)
    with pytest.raises(CompositionError, match="a share of all events is above 0 and at most 1"):
        LongTail(corpus, share=share, ks=[1])
