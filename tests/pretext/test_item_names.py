"""Costs of an item's names against loops, on the attributes of the generated world."""

import pytest
import torch
import torch.nn.functional as F
from options import composed

from ssrec.compose import instantiate
from ssrec.pretext.item_names import ItemNames


@pytest.fixture
def names(world):
    encoder = instantiate(composed("model=sasrec", "model.dim=8").model, world.corpus)
    made = ItemNames(encoder, world.corpus, "attributes")
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


@pytest.fixture
def positions(world):
    items = torch.randint(1, world.corpus.n_items + 1, (30,))
    return torch.randn(30, 8, requires_grad=True), items, world.corpus.item_features["attributes"].multi_hot()[items]


def logits(names, hidden):
    return (hidden @ names.map.weight.T + names.map.bias) @ names.vectors.weight[1:].T


def alike(names, ours, theirs, hidden):
    torch.testing.assert_close(ours, theirs)
    wanted = [hidden, *names.parameters()]
    for a, b in zip(torch.autograd.grad(ours, wanted), torch.autograd.grad(theirs, wanted), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_each_is_binary_cross_entropy_over_all_names(names, positions):
    hidden, items, has = positions
    theirs = F.binary_cross_entropy_with_logits(logits(names, hidden), has, reduction="sum")
    alike(names, names.each(hidden, items), theirs, hidden)


def test_one_is_cross_entropy_spread_over_an_items_names(names, positions):
    hidden, items, has = positions
    assert (has.sum(1) > 1).any()
    theirs = F.cross_entropy(logits(names, hidden), has / has.sum(1, keepdim=True), reduction="sum")
    alike(names, names.one(hidden, items), theirs, hidden)


def test_which_items_have_a_name(names, world):
    ids = torch.arange(world.corpus.item_rows)
    assert torch.equal(names.named(ids), world.corpus.item_features["attributes"].multi_hot().any(1))
    assert not names.named(ids)[0] and names.named(ids)[1:].all()
