from math import exp, log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from representations import DATA, corpus, seen

from ssrec.diagnostics.rankme import RankMe, rankme


@given(st.lists(st.floats(0, 10), min_size=1, max_size=8).filter(any))
def test_it_is_the_papers_formula(values):
    p = [v / sum(values) + 1e-7 for v in values]
    found = rankme(torch.tensor(values, dtype=torch.float64)).item()
    assert found == pytest.approx(exp(-sum(q * log(q) for q in p)))


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_equal_directions_count_as_many_as_they_are(rank):
    left = torch.linalg.qr(torch.randn(100, rank)).Q
    right = torch.linalg.qr(torch.randn(8, rank)).Q
    found = RankMe(corpus(), DATA)(seen(torch.randn(5, 8), left @ right.T)).numbers
    assert found["rankme_users"] == pytest.approx(rank, abs=1e-3)


def test_without_a_direction_there_is_no_rank():
    assert rankme(torch.zeros(4, dtype=torch.float64)).isnan()
