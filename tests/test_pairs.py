"""Pair logits against a gather and a loop."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ssrec import pairs
from ssrec.pairs import pair_logits


def draw(positions=5, rows=7, dim=3, k=4):
    torch.manual_seed(0)
    hidden = torch.randn(positions, dim, dtype=torch.float64, requires_grad=True)
    items = torch.randn(rows, dim, dtype=torch.float64, requires_grad=True)
    return hidden, items, torch.randint(rows, (positions, k))


class NoLargerThan(TorchDispatchMode):
    def __init__(self, numel):
        super().__init__()
        self.numel = numel

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            assert not isinstance(tensor, torch.Tensor) or tensor.numel() <= self.numel, func
        return out


def test_every_entry_is_a_dot_product():
    hidden, items, ids = draw()
    out = pair_logits(hidden, items, ids)
    for p in range(5):
        for k in range(4):
            torch.testing.assert_close(out[p, k], hidden[p] @ items[ids[p, k]])


def test_gradcheck_with_repeated_and_absent_items(monkeypatch):
    hidden, items, ids = draw()
    ids[0] = 2
    ids[ids == 3] = 4
    monkeypatch.setattr(pairs, "BUDGET", 24)  # two positions at a time
    assert torch.autograd.gradcheck(lambda h, i: pair_logits(h, i, ids), (hidden, items))


def test_no_positions_cost_nothing_and_keep_the_gradient_path():
    hidden, items, ids = draw()
    total = pair_logits(hidden[:0], items, ids[:0]).sum()
    total.backward()
    assert total == 0 and (items.grad == 0).all()


def test_the_gathered_tensor_never_exists(monkeypatch):
    positions, k, dim = 64, 32, 16
    monkeypatch.setattr(pairs, "BUDGET", 2048)
    hidden, items, ids = draw(positions, 20, dim, k)
    with NoLargerThan(2048):
        pair_logits(hidden, items, ids).sum().backward()
    assert positions * k * dim > 2048


def test_half_precision_comes_out_in_fp32():
    hidden, items, ids = draw()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = pair_logits(hidden.bfloat16(), items.float(), ids)
    assert out.dtype == torch.float32
    out.sum().backward()
    assert items.grad is not None and hidden.grad is not None
