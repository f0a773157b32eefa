"""Each interaction against the formula for one pair after the other."""

import pytest
import torch

from ssrec import interactions
from ssrec.errors import CompositionError
from ssrec.interactions import MLP, Additive, Dot

KINDS = {"additive": Additive, "dot": lambda: Dot(6), "mlp": lambda: MLP([6, 4])}


def sides(interaction):
    torch.manual_seed(0)
    for parameter in interaction.parameters():
        torch.nn.init.normal_(parameter)
    return torch.randn(5, interaction.width, requires_grad=True), torch.randn(9, interaction.width, requires_grad=True)


def one_pair(interaction, user, item):
    if isinstance(interaction, Additive):
        return user[0] + item[0]
    if isinstance(interaction, Dot):
        return sum(a * b for a, b in zip(user, item, strict=True))
    h = [max(a + b, 0.0) for a, b in zip(user, item, strict=True)]
    layers = list(interaction.layers)
    for layer in layers:
        rows, bias = layer.weight.tolist(), layer.bias.tolist()
        h = [sum(w * x for w, x in zip(row, h, strict=True)) + b for row, b in zip(rows, bias, strict=True)]
        h = h if layer is layers[-1] else [max(x, 0.0) for x in h]
    return h[0]


@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_scores_are_those_of_each_pair(kind):
    interaction = KINDS[kind]()
    users, items = sides(interaction)
    expected = torch.tensor([[one_pair(interaction, u, v) for v in items.tolist()] for u in users.tolist()])
    torch.testing.assert_close(interaction.scores(users, items), expected)
    ids = torch.tensor([[3, 0], [8, 8], [1, 5], [0, 2], [7, 4]])
    torch.testing.assert_close(interaction.logits(users, items, ids), expected.gather(1, ids))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_logits_are_those_of_scores(kind):
    interaction = KINDS[kind]()
    users, items = sides(interaction)
    ids, weights = torch.randint(9, (5, 3)), torch.randn(5, 3)
    wanted = [users, items, *interaction.parameters()]
    by_pairs = torch.autograd.grad((interaction.logits(users, items, ids) * weights).sum(), wanted)
    by_scores = torch.autograd.grad((interaction.scores(users, items).gather(1, ids) * weights).sum(), wanted)
    for found, expected in zip(by_pairs, by_scores, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("tile", [1, 7, 6 * 9, 6 * 20, 2**21])
def test_tiles_change_no_score_and_bound_what_is_alive(tile, monkeypatch):
    interaction = MLP([6, 4])
    users, items = sides(interaction)
    whole = interaction.scores(users, items)
    monkeypatch.setattr(interactions, "TILE", tile)
    largest = []
    interaction.layers[0].register_forward_pre_hook(lambda _, given: largest.append(given[0].numel()))
    torch.testing.assert_close(interaction.scores(users, items), whole)
    assert max(largest) <= max(tile, 6)
    assert interaction.scores(users[:0], items).shape == (0, 9)


def test_an_mlp_is_a_perceptron_over_the_concatenation():
    interaction = MLP([6, 4])
    first = torch.nn.Linear(3 + 2, 6)
    x, y = torch.randn(5, 3), torch.randn(9, 2)
    pairs = torch.cat([x[:, None].expand(-1, 9, -1), y.expand(5, -1, -1)], dim=-1)
    expected = interaction.layers[1](interaction.layers[0](first(pairs).relu()).relu()).squeeze(-1)
    scores = interaction.scores(x @ first.weight[:, :3].T + first.bias, y @ first.weight[:, 3:].T)
    torch.testing.assert_close(scores, expected)


def test_additive_scores_order_items_alike_for_all():
    users, items = sides(Additive())
    order = Additive().scores(users, items).argsort(dim=1)
    assert (order == order[0]).all()


def test_sizes_below_one_are_refused():
    with pytest.raises(CompositionError, match="dot: dim=0"):
        Dot(0)
    for widths in ([], [4, 0]):
        with pytest.raises(CompositionError, match="mlp: widths"):
            MLP(widths)
