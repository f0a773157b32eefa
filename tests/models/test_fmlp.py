"""FMLP-Rec against sums over frequencies of literally padded rows."""

import cmath

import pytest
import torch
import torch.nn.functional as F
from sequences import IDS, drawn, past

from ssrec.errors import CompositionError
from ssrec.models.fmlp import FMLPRec


def filtered(x, weight):
    """Every channel's transform, times its numbers, and back, one number at a time."""
    n, bins = len(x), len(weight)
    out = torch.zeros_like(x)
    for c in range(x.shape[1]):
        spectrum = []
        for k in range(n):
            total = sum(float(x[t, c]) * cmath.exp(-2j * cmath.pi * k * t / n) for t in range(n))
            factor = complex(*weight[min(k, n - k), c].tolist()) if min(k, n - k) < bins else 0
            if 2 * k % n == 0:  # frequencies without a mirror: what comes back is real
                factor = complex(factor).real
            spectrum.append(total * (factor if k <= n - k else complex(factor).conjugate()))
        for t in range(n):
            out[t, c] = (sum(s * cmath.exp(2j * cmath.pi * k * t / n) for k, s in enumerate(spectrum)) / n).real
    return out


def naive(model, items, length):
    x = model.enter(model.table(torch.tensor([0] * (length - len(items)) + items)) + model.positions.weight)
    for layer, feed in model.blocks:
        x = layer.norm(x + filtered(x, layer.weight))
        x = feed.norm(x + feed.narrow(F.gelu(feed.widen(x))))
    return x[length - len(items) :]


@pytest.mark.parametrize("length", [6, 7])
def test_hidden_states_are_those_of_a_loop_over_padded_rows(corpus, length):
    model = drawn(FMLPRec, corpus, max_length=length)
    with torch.no_grad():
        hidden = model.encode(IDS, False)
        for row in (0, 1, 2):
            expected = naive(model, past(row), length)
            torch.testing.assert_close(hidden[row, -len(expected) :], expected, atol=1e-4, rtol=1e-4)
    assert not hidden[IDS == 0].any()


def test_a_pass_reads_what_comes_later_and_no_pass_is_causal(corpus):
    model = drawn(FMLPRec, corpus)
    other = IDS.clone()
    other[:2, 4] = torch.tensor([6, 7])
    before, after = model.encode(IDS, False), model.encode(other, False)
    assert not torch.isclose(before[:2, 2:4], after[:2, 2:4]).all(-1).any()
    with pytest.raises(CompositionError, match="FMLPRec has no pass with causal=true"):
        model.encode(IDS, True)


def test_gradients_reach_all_parameters_and_no_row_is_a_batch(corpus):
    model = drawn(FMLPRec, corpus, dropout=0.2).train()
    model.encode(IDS, False).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() and p.grad.isfinite().all() for p in model.parameters())
    assert model.encode(IDS[:0], False).shape == (0, 5, 8)


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="fmlp: inner=0 must be at least 1"):
        drawn(FMLPRec, corpus, inner=0)
    with pytest.raises(CompositionError, match=r"fmlp: dropout=1\.0 must be at least 0 and below 1"):
        drawn(FMLPRec, corpus, dropout=1.0)
