"""LiGR's gated blocks against a loop over positions and heads."""

import pytest
import torch
import torch.nn.functional as F
from sequences import IDS, attended, drawn, past

from ssrec.errors import CompositionError
from ssrec.models.ligr import LiGR


def naive(model, items, causal):
    n = len(items)
    x = torch.stack([model.table(torch.tensor(i)) for i in items]) + model.positions.weight[:n].flip(0)
    for block in model.blocks:
        y = block.attention_norm(x)
        q, k, v = (y @ block.attention.qkv.weight.T + block.attention.qkv.bias).chunk(3, dim=1)
        mixed = attended(q, k, v, block.attention.heads, lambda t: range(t + 1 if causal else n))
        x = x + torch.sigmoid(block.attention_gate(x)) * block.attention.out(mixed)
        z = block.feed_norm(x)
        opened = z @ block.open.weight.T
        inner = opened * torch.sigmoid(opened) * (z @ block.widen.weight.T)
        x = x + torch.sigmoid(block.feed_gate(x)) * (inner @ block.narrow.weight.T)
    return x


@pytest.mark.parametrize("causal", [True, False])
def test_hidden_states_are_those_of_a_loop_behind_any_padding(corpus, causal):
    model = drawn(LiGR, corpus, layers=2, heads=2, inner=12)
    hidden, wider = model.encode(IDS, causal), model.encode(F.pad(IDS, (2, 0)), causal)
    for row in (0, 1, 2):
        expected = naive(model, past(row), causal)
        torch.testing.assert_close(hidden[row, -len(expected) :], expected)
        torch.testing.assert_close(wider[row, -len(expected) :], expected)
    assert not hidden[IDS == 0].any()


def test_the_feed_forward_network_is_four_times_as_wide_unless_told(corpus):
    model = drawn(LiGR, corpus)
    assert model.blocks[0].widen.out_features == 32
    assert all(layer.bias is None for layer in (model.blocks[0].open, model.blocks[0].widen, model.blocks[0].narrow))


def test_dropout_leaves_the_gates_alone(corpus):
    """With all but nothing left of what a half adds, its input comes through."""
    model = drawn(LiGR, corpus, dropout=0.0)
    x = torch.randn(1, 3, 8)
    block = model.blocks[0].train()
    block.p = 1 - 2**-16
    torch.testing.assert_close(block(x, torch.zeros(1, 1, 3, 3)), x)


def test_gradients_reach_all_parameters(corpus):
    model = drawn(LiGR, corpus, layers=2).train()
    model.encode(IDS, True).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": 3}, "ligr: dim=8 must be a multiple of heads=3"),
        ({"inner": 0}, "ligr: inner=0 must be at least 1"),
        ({"dropout": 1.0}, "ligr: dropout=1.0 must be at least 0 and below 1"),
    ],
)
def test_settings_out_of_range_are_refused(corpus, settings, message):
    with pytest.raises(CompositionError, match=message):
        drawn(LiGR, corpus, **settings)
