"""GRU4Rec against the equations of its paper, step by step."""

import pytest
import torch
import torch.nn.functional as F
from sequences import IDS, drawn, past

from ssrec.errors import CompositionError
from ssrec.models.gru4rec import GRU4Rec


def naive(model, items):
    """One row: h = (1 - z) n + z h, with the reset gate on U h, in the order r, z, n of torch's matrices."""
    inputs = [model.table(torch.tensor(i)) for i in items]
    for layer in model.layers:
        w, u = layer.weight_ih_l0.chunk(3), layer.weight_hh_l0.chunk(3)
        h, states = torch.zeros(u[0].shape[0]), []
        for x in inputs:
            r, z = (torch.sigmoid(w[i] @ x + u[i] @ h) for i in (0, 1))
            h = (1 - z) * torch.tanh(w[2] @ x + r * (u[2] @ h)) + z * h
            states.append(h)
        inputs = states
    return torch.stack([model.leave(h) for h in inputs])


@pytest.mark.parametrize("settings", [{}, {"layers": 2}, {"layers": 2, "hidden": 5}])
def test_states_are_those_of_a_loop_behind_any_padding(corpus, settings):
    model = drawn(GRU4Rec, corpus, **settings)
    hidden, wider = model.encode(IDS, True), model.encode(F.pad(IDS, (2, 0)), True)
    for row in (0, 1, 2):
        expected = naive(model, past(row))
        torch.testing.assert_close(hidden[row, -len(expected) :], expected)
        torch.testing.assert_close(wider[row, -len(expected) :], expected)
    assert not hidden[IDS == 0].any()


def test_a_pass_that_is_not_causal_is_refused(corpus):
    with pytest.raises(CompositionError, match="GRU4Rec has no pass with causal=false"):
        drawn(GRU4Rec, corpus).encode(IDS, False)


def test_no_rows_and_rows_without_columns(corpus):
    model = drawn(GRU4Rec, corpus)
    assert model.encode(IDS[:0], True).shape == (0, 5, 8)
    assert model.encode(IDS[:, :0], True).shape == (4, 0, 8)


def test_gradients_reach_all_parameters_and_dropout_follows_the_seed(corpus):
    model = drawn(GRU4Rec, corpus, layers=2, hidden=5, dropout=0.5).train()
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(model.encode(IDS, True))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    draws[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.any() and p.grad.isfinite().all() for p in model.parameters())


def test_it_starts_with_orthogonal_recurrent_matrices(corpus):
    model = drawn(GRU4Rec, corpus, spread=False)
    for u in model.layers[0].weight_hh_l0.chunk(3):
        torch.testing.assert_close(u @ u.T, torch.eye(8), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "gru4rec: layers=0 must be at least 1"),
        ({"hidden": 0}, "gru4rec: hidden=0 must be at least 1"),
        ({"dropout": -0.1}, "gru4rec: dropout=-0.1 must be at least 0 and below 1"),
    ],
)
def test_settings_out_of_range_are_refused(corpus, settings, message):
    with pytest.raises(CompositionError, match=message):
        drawn(GRU4Rec, corpus, **settings)
