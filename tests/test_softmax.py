"""The tiled softmax against autograd over the whole matrix."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ssrec.softmax import BUDGET, _tile, log_partition

TILED = 12  # a budget that forces tiles of positions and of items


def dense(hidden, items, weights):
    return (weights * (hidden @ items[1:].T).logsumexp(1)).sum()


def draw(positions=7, rows=11, dim=5, dtype=torch.float64):
    torch.manual_seed(0)
    hidden = torch.randn(positions, dim, dtype=dtype, requires_grad=True)
    items = torch.randn(rows, dim, dtype=dtype, requires_grad=True)
    return hidden, items, torch.rand(positions, dtype=dtype) * 3


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation made."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.numel())
        return out


@pytest.mark.parametrize("budget", [1, TILED, 30, 71, BUDGET])
def test_value_and_gradients_equal_those_of_the_whole_matrix(budget):
    hidden, items, weights = draw()
    ours = log_partition(hidden, items, weights, budget=budget)
    theirs = dense(hidden, items, weights)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(
        torch.autograd.grad(3 * ours, [hidden, items]), torch.autograd.grad(3 * theirs, [hidden, items]), strict=True
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("budget", [TILED, BUDGET])
def test_gradcheck(budget):
    hidden, items, weights = draw(positions=4, rows=6, dim=3)
    assert torch.autograd.gradcheck(lambda h, i: log_partition(h, i, weights, budget=budget), (hidden, items))


@pytest.mark.parametrize("budget", [TILED, BUDGET])
def test_a_naive_loop_agrees(budget):
    hidden, items, weights = draw(positions=5, rows=4)
    naive = 0.0
    for p in range(5):
        logits = [sum(a * b for a, b in zip(hidden[p].tolist(), items[n].tolist(), strict=True)) for n in range(1, 4)]
        naive += float(weights[p]) * math.log(sum(math.exp(x) for x in logits))
    assert log_partition(hidden, items, weights, budget=budget).item() == pytest.approx(naive)


def test_tiles_fit_a_cache_and_positions_the_budget():
    for positions, items in ((1500, 12_101), (20, 12_101), (1500, 200_000), (2, 1_000_000), (3000, 50)):
        height, width = _tile(positions, items, BUDGET, 2**18)
        assert height <= positions and width <= items and height * width <= 2**18
    assert _tile(1500, 12_101, 2**23, 2**18) == (250, 1009), "equal parts"
    assert _tile(1500, 100_000, 2**23, 2**18)[0] == 79, "so many rows of all probabilities are kept"
    assert _tile(1500, 1_000_000, 2**23, 2**18)[0] == 250, "or none"


@pytest.mark.parametrize("budget", [TILED, BUDGET])
def test_huge_logits_neither_overflow_nor_vanish(budget):
    hidden, items, weights = draw(dtype=torch.float32)
    big = [hidden.detach() * 300, items.detach()]
    for t in big:
        t.requires_grad_()
    ours, theirs = log_partition(*big, weights, budget=budget), dense(*big, weights)
    torch.testing.assert_close(ours, theirs)
    assert all(g.isfinite().all() for g in torch.autograd.grad(ours, big))


def test_the_matrix_of_positions_and_items_never_exists():
    positions, rows, dim, budget = 300, 5_000, 4, 2**14
    hidden, items, weights = draw(positions, rows, dim, torch.float32)
    with Largest() as largest:
        log_partition(hidden, items, weights, budget=budget).backward()
    assert largest.numel <= max(budget, rows * dim) < positions * rows / 50
    with Largest() as largest:
        dense(hidden, items, weights).backward()
    assert largest.numel >= positions * (rows - 1), "the ruler itself must see a whole matrix"


@pytest.mark.parametrize("budget", [1, 3, TILED, BUDGET])
def test_what_is_left_out_neither_counts_nor_gets_a_gradient(budget):
    hidden, items, weights = draw()
    out = torch.rand(7, 10) < 0.5
    out[1] = True  # counts nothing
    out[2], out[2, 6] = True, False
    weights[1] = 0
    ours = log_partition(hidden, items, weights, left_out=out, budget=budget)
    logits = (hidden @ items[1:].T).masked_fill(out, -math.inf)[weights > 0]
    theirs = (weights[weights > 0] * logits.logsumexp(1)).sum()
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(
        torch.autograd.grad(ours, [hidden, items]), torch.autograd.grad(theirs, [hidden, items]), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_padding_takes_no_part():
    hidden, items, weights = draw()
    changed = items.detach().clone()
    changed[0] = 1e3
    torch.testing.assert_close(log_partition(hidden, changed, weights), log_partition(hidden, items, weights))
    (grad,) = torch.autograd.grad(log_partition(hidden, items, weights), items)
    assert (grad[0] == 0).all() and (grad[1:] != 0).all()


def test_no_position_costs_nothing_and_keeps_the_gradient_path():
    hidden, items, weights = draw()
    total = log_partition(hidden[:0], items, weights[:0])
    total.backward()
    assert total == 0 and (items.grad == 0).all()


def test_only_wanted_gradients_are_computed():
    hidden, items, weights = draw(positions=8, rows=100, dtype=torch.float32)
    log_partition(hidden, items.detach(), weights).backward()
    assert hidden.grad is not None
    with torch.no_grad(), Largest() as largest:
        log_partition(hidden, items, weights, budget=64)
    assert largest.numel < items.numel(), "evaluation must not allocate a gradient of the items"


@pytest.mark.parametrize("budget", [2**11, BUDGET])
def test_bf16_products_stay_close_and_sum_in_fp32(budget):
    hidden, items, weights = draw(positions=64, rows=600, dim=16, dtype=torch.float32)
    theirs = dense(hidden, items, weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = log_partition(hidden, items, weights, budget=budget)
    assert ours.dtype == torch.float32
    assert ours != theirs, "the products should be in bf16"
    torch.testing.assert_close(ours, theirs, rtol=3e-3, atol=0)
    for a, b in zip(
        torch.autograd.grad(ours, [hidden, items]), torch.autograd.grad(theirs, [hidden, items]), strict=True
    ):
        assert a.dtype == torch.float32
        assert (a - b).norm() < 0.02 * b.norm()


def test_the_graph_can_be_used_twice():
    hidden, items, weights = draw()
    total = log_partition(hidden, items, weights)
    first = torch.autograd.grad(total, hidden, retain_graph=True)[0]
    torch.testing.assert_close(torch.autograd.grad(total, hidden)[0], first)
