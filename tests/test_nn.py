"""Small layers: dropout's law, initialisation, the attention bias."""

from math import inf, log
from typing import Literal

import pytest
import torch
from torch import nn

from ssrec.errors import CompositionError
from ssrec.nn import (
    Attention,
    attention_bias,
    dropout,
    initialise,
    kept_share,
    require_choices,
    require_dropout,
    require_heads,
    require_sizes,
)


def test_dropout_keeps_the_mean_and_drops_with_its_probability():
    torch.manual_seed(0)
    x = torch.ones(1_000_001, requires_grad=True)
    y = dropout(x, 0.2, True)
    assert abs(float((y == 0).float().mean()) - 0.2) < 0.002
    assert abs(float(y.detach().double().mean()) - 1) < 0.002
    assert len(y.unique()) == 2
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_dropout_is_independent_between_neighbours():
    torch.manual_seed(0)
    dropped = (dropout(torch.ones(4 * 100_000), 0.5, True) == 0).float().view(-1, 4)
    torch.testing.assert_close(torch.corrcoef(dropped.T), torch.eye(4), atol=0.02, rtol=0)


def test_dropout_is_the_identity_outside_training_and_keeps_its_type():
    x = torch.randn(3, 5)
    assert dropout(x, 0.5, False) is x and dropout(x, 0.0, True) is x
    assert dropout(x.bfloat16(), 0.5, True).dtype == torch.bfloat16
    assert dropout(torch.ones(9), 0.9999999, True).isfinite().all()


def test_dropout_follows_the_seed():
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(dropout(torch.ones(100), 0.5, True))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize(("init", "std"), [("xavier", (2 / (400 + 100)) ** 0.5), ("normal", 0.02)])
def test_initialisation_draws_every_matrix_and_zeroes_biases_and_padding(init, std):
    torch.manual_seed(0)
    parts = nn.ModuleDict(
        {"a": nn.Linear(100, 400), "b": nn.Embedding(400, 100, padding_idx=0), "c": nn.EmbeddingBag(400, 100)}
    )
    initialise(parts, init)
    for part in parts.values():
        assert abs(float(part.weight.detach().std()) / std - 1) < 0.02
    assert not parts["a"].bias.any() and not parts["b"].weight[0].any() and parts["b"].weight[1].any()
    assert parts["b"].weight.requires_grad


def test_the_attention_bias_hides_padding_and_the_future():
    real = torch.tensor([[False, True, True], [False, False, False]])
    assert attention_bias(real, None, causal=False)[0, 0].tolist() == [[0, 0, 0], [-inf, 0, 0], [-inf, 0, 0]]
    bias = attention_bias(real, None, causal=True)
    assert bias[0, 0].tolist() == [[0, 0, 0], [-inf, 0, -inf], [-inf, 0, 0]]
    assert not bias[1].any()  # nobody reads these rows, and none of them is all hidden
    counted = attention_bias(real, torch.tensor([3, 5]), causal=True)
    torch.testing.assert_close(counted[0, 0, 2], torch.tensor([log(3), 0, 0]))


def test_what_dropout_leaves_of_equal_parts_is_what_dropping_each_would():
    n = torch.tensor([1, 7, 40])
    like = torch.zeros(3, 2, 5000, 1)
    share = kept_share(n, like, 0.3)
    assert share.shape == like.shape
    for row, parts in zip(share, n.tolist(), strict=True):
        each = (torch.rand(10_000, parts) >= 0.3).double().mean(1) / 0.7
        assert abs(row.mean() - 1) < 0.03 and abs(row.double().std() - each.std()) < 0.03
    assert torch.isfinite(kept_share(torch.tensor([0]), torch.zeros(1, 3), 0.3)).all()


def test_a_key_that_stands_for_many_trains_as_they_would():
    torch.manual_seed(0)
    attention = Attention(8, 2, 0.4)
    source = torch.randn(1, 3, 8)
    n = 6
    wide = torch.cat([source[:, :1].expand(1, n, 8), source[:, 1:]], dim=1)
    query = torch.randn(1, 1, 8)

    def answers(keys, bias, *n_first):
        asked = query.expand(keys.shape).contiguous()  # the same query at every position; one answer is read
        bias = bias.view(1, 1, 1, -1).expand(1, 1, keys.shape[1], keys.shape[1])
        return torch.stack([attention(asked, keys, bias, *n_first)[0, 0] for _ in range(4000)]).detach()

    narrow = answers(source, torch.tensor([n, 1.0, 1.0]).log(), torch.tensor([n]))
    every = answers(wide, torch.zeros(n + 2))
    torch.testing.assert_close(narrow.mean(0), every.mean(0), atol=0.02, rtol=0)
    torch.testing.assert_close(narrow.std(0), every.std(0), atol=0.01, rtol=0.1)


def test_settings_are_refused_by_name_and_value():
    require_sizes("a", layers=1)
    require_heads("a", 8, 4)
    require_dropout("a", 0.0)
    require_choices("a", Literal["x", "y"], kind="y")
    with pytest.raises(CompositionError, match="a: inner=0 must be at least 1"):
        require_sizes("a", layers=1, inner=0)
    with pytest.raises(CompositionError, match="a: dim=8 must be a multiple of heads=3"):
        require_heads("a", 8, 3)
    with pytest.raises(CompositionError, match="a: heads=0 must be at least 1"):
        require_heads("a", 8, 0)
    with pytest.raises(CompositionError, match=r"a: dropout=1\.0 must be at least 0 and below 1"):
        require_dropout("a", 1.0)
    with pytest.raises(CompositionError, match="a: kind=z must be one of x, y"):
        require_choices("a", Literal["x", "y"], kind="z")
