"""Binary cross-entropy over many classes in chunks, against the whole matrix."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from ssrec.softplus import softplus_total


def draw(positions=7, classes=5, dim=3):
    torch.manual_seed(0)
    hidden = torch.randn(positions, dim, requires_grad=True)
    return hidden, torch.randn(classes, dim, requires_grad=True)


@given(st.integers(0, 9), st.integers(0, 6), st.integers(1, 40))
def test_it_is_the_sum_over_the_whole_matrix(positions, classes, budget):
    hidden, vectors = draw(positions, classes)
    ours, theirs = softplus_total(hidden, vectors, budget=budget), F.softplus(hidden @ vectors.T).sum()
    torch.testing.assert_close(ours, theirs)
    wanted = [hidden, vectors]
    for a, b in zip(torch.autograd.grad(3 * ours, wanted), torch.autograd.grad(3 * theirs, wanted), strict=True):
        torch.testing.assert_close(a, b)


def test_large_logits_stay_finite():
    hidden, vectors = torch.tensor([[300.0], [-300.0]], requires_grad=True), torch.ones(1, 1)
    total = softplus_total(hidden, vectors)
    total.backward()
    assert total == 300 and hidden.grad is not None
    torch.testing.assert_close(hidden.grad, torch.tensor([[1.0], [0.0]]))


def test_half_precision_is_widened_under_autocast():
    hidden, vectors = draw()
    with torch.autocast("cpu", torch.bfloat16):
        total = softplus_total(hidden.bfloat16(), vectors)
    torch.testing.assert_close(total, F.softplus(hidden.bfloat16().float() @ vectors.T).sum())
    total.backward()
    assert hidden.grad is not None and hidden.grad.any() and hidden.grad.dtype == torch.float32


@pytest.mark.parametrize("which", [0, 1])
def test_one_side_may_be_fixed(which):
    sides = list(draw())
    sides[which] = sides[which].detach()
    (ours,) = torch.autograd.grad(softplus_total(*sides), [sides[1 - which]])
    (theirs,) = torch.autograd.grad(F.softplus(sides[0] @ sides[1].T).sum(), [sides[1 - which]])
    torch.testing.assert_close(ours, theirs)
