"""Gradients outside of the training loop's backward; over two processes they are tested with PCGrad and phases."""

import torch
from torch import nn

from ssrec.learning.gradients import gradients, only


def test_they_are_those_of_backward_and_none_where_nothing_reaches():
    a, b, unused = (nn.Parameter(torch.randn(3)) for _ in range(3))
    loss = (a * b).square().sum()
    found = gradients(loss, [a, b, unused], keep=True)
    assert a.grad is None
    loss.backward()
    torch.testing.assert_close(found, [a.grad, b.grad, None], rtol=0, atol=0)
    assert gradients(torch.zeros(()), [a]) == [None]


def test_none_shares_its_memory_with_another():
    """What clips and unscales works in place."""
    a, b = (nn.Parameter(torch.randn(3)) for _ in range(2))
    for gradient in gradients((a + b).sum(), [a, b]):
        assert gradient is not None
        gradient.mul_(2)  # of an expanded one it would fail, of a shared one it would be twice as much
        assert (gradient == 2).all()


def test_a_graph_is_kept_for_another_gradient_where_it_is_asked():
    a = nn.Parameter(torch.randn(3))
    square = a.square()
    first, second = gradients(square.sum(), [a], keep=True), gradients(-square.sum(), [a])
    torch.testing.assert_close([first, second], [[2 * a], [-2 * a]])


def test_only_what_is_trained_has_a_gradient_and_frozen_parts_stay_frozen():
    trained, other, frozen = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    frozen.requires_grad_(False)
    try:
        with only([trained, other, frozen], [trained]):
            assert [p.requires_grad for p in (trained, other, frozen)] == [True, False, False]
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert [p.requires_grad for p in (trained, other, frozen)] == [True, True, False]
