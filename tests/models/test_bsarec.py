"""BSARec against Fourier transforms and loops over literally padded rows."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sequences import IDS, attended, drawn, past

from ssrec.errors import CompositionError
from ssrec.models.bsarec import BSARec, low_pass


def filtered(x, bins):
    """x "T D" without the frequencies from the `bins`-th on, by a transform and back."""
    spectrum = torch.fft.rfft(x, dim=0, norm="ortho")
    spectrum[bins:] = 0
    return torch.fft.irfft(spectrum, n=len(x), dim=0, norm="ortho")


@given(length=st.integers(1, 12), bins=st.integers(1, 8))
def test_the_basis_keeps_what_a_transform_keeps(length, bins):
    basis = low_pass(length, bins)
    torch.testing.assert_close(basis.T @ basis, torch.eye(basis.shape[1]), atol=1e-5, rtol=0)
    x = torch.randn(length, 3)
    torch.testing.assert_close(basis @ (basis.T @ x), filtered(x, bins), atol=1e-5, rtol=0)


def naive(model, items, alpha, c):
    """One row of 7 positions, padded on the left: padding attends to everything and is no key for items."""
    pads = 7 - len(items)
    x = model.enter(model.table(torch.tensor([0] * pads + items)) + model.positions.weight)
    for block in model.blocks:
        low = filtered(x, c // 2 + 1)
        fast = block.filter_norm(x + low + block.sqrt_beta**2 * (x - low))
        qkv = zip(block.attention.qkv.weight.chunk(3), block.attention.qkv.bias.chunk(3), strict=True)
        q, k, v = (x @ w.T + b for w, b in qkv)
        reach = lambda t: range(7) if t < pads else range(pads, t + 1)  # noqa: E731
        mixed = block.attention.out(attended(q, k, v, block.attention.heads, reach))
        x = alpha * fast + (1 - alpha) * block.attention_norm(x + mixed)
        feed = block.feed
        x = feed.norm(x + feed.narrow(F.gelu(feed.widen(x))))
    return x[pads:]


@pytest.mark.parametrize(("alpha", "c"), [(0.7, 5), (0.3, 3), (0.5, 0), (1.0, 9)])
def test_hidden_states_are_those_of_a_loop_over_padded_rows(corpus, alpha, c):
    model = drawn(BSARec, corpus, heads=2, alpha=alpha, c=c)
    hidden = model.encode(IDS, False)
    for row in (0, 1, 2):
        expected = naive(model, past(row), alpha, c)
        torch.testing.assert_close(hidden[row, -len(expected) :], expected)
    assert not hidden[IDS == 0].any()


def test_a_pass_reads_what_comes_later_and_ranks_at_the_last_item(corpus, make_batch):
    model = drawn(BSARec, corpus)
    other = IDS.clone()
    other[:2, 4] = torch.tensor([6, 7])
    before, after = model.encode(IDS, False), model.encode(other, False)
    assert not torch.isclose(before[:2, 2:4], after[:2, 2:4]).all(-1).any()
    x = model(make_batch([[3, 5, 1], [7]]))
    torch.testing.assert_close(x.users, model.encode(x.batch.items, False)[:, -1])
    with pytest.raises(CompositionError, match="BSARec has no pass with causal=true"):
        model.encode(IDS, True)


def test_gradients_reach_all_parameters(corpus):
    model = drawn(BSARec, corpus, dropout=0.2).train()
    model.encode(IDS, False).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": 3}, "bsarec: dim=8 must be a multiple of heads=3"),
        ({"alpha": 1.5}, "bsarec: alpha=1.5 must be between 0 and 1"),
        ({"c": -1}, "bsarec: c=-1 must not be negative"),
    ],
)
def test_settings_out_of_range_are_refused(corpus, settings, message):
    with pytest.raises(CompositionError, match=message):
        drawn(BSARec, corpus, **settings)
