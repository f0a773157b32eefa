"""attribute against a loop over unmasked items and names."""

import math

import pytest
import torch

from ssrec.batch import PAD
from ssrec.errors import CompositionError
from ssrec.objectives.attribute import Attribute
from ssrec.objectives.masked_attribute import MaskedAttribute
from ssrec.objectives.masked_item import MaskedItem
from ssrec.ranking_losses import Softmax

HAS = {1: {0}, 2: {0, 1}, 3: set(), 4: {2}, 5: {1, 2}, 6: {0}, 7: {2}}


def costs(objective, hidden, item) -> float:
    """-log of the chance of an item's own names and of no other, under independent logistic chances."""
    names = objective.names
    cost = 0.0
    for name in range(3):
        logit = float((names.map.weight @ hidden + names.map.bias) @ names.vectors.weight[1 + name])
        chance = 1 / (1 + math.exp(-logit))
        cost -= math.log(chance if name in HAS[int(item)] else 1 - chance)
    return cost


def started(objective):
    for parameter in objective.parameters():
        torch.nn.init.normal_(parameter)
    return objective


@pytest.mark.parametrize("per", ["item", "row"])
@torch.no_grad()
def test_the_names_of_unmasked_items(named, batch, running, per):
    batch = batch.select(torch.arange(3).repeat(5))
    encoder = running(named)
    objective = started(Attribute(encoder, named, probability=0.5, per=per))
    encoder.passes.clear()
    (loss,) = objective(encoder(batch)).values()
    ((seen, causal),) = encoder.passes
    assert not causal and (seen == named.mask).any()
    hidden = encoder.encode(seen, False)
    where = [(b, t) for b in range(15) for t in range(4) if seen[b, t] not in (PAD, named.mask)]
    naive = sum(costs(objective, hidden[b, t], batch.whole[b, t]) for b, t in where)
    assert loss.item() == pytest.approx(naive / (len(where) if per == "item" else 15), rel=1e-5)


@torch.no_grad()
def test_the_batchs_own_pass(named, batch, running):
    encoder = running(named)
    objective = started(Attribute(encoder, named, reads="own"))
    encoder.passes.clear()
    x = encoder(batch)
    (loss,) = objective(x).values()
    assert len(encoder.passes) == 1 and encoder.passes[0][1]
    where = [(b, t) for b in range(3) for t in range(3) if batch.items[b, t] != PAD]
    naive = sum(costs(objective, x.hidden[b, t], batch.items[b, t]) for b, t in where) / len(where)
    assert loss.item() == pytest.approx(naive, rel=1e-5)


def test_s3rec_reads_three_losses_from_one_masked_pass(named, batch, running):
    encoder = running(named)
    settings = {"probability": 0.4, "at_least_one": False, "always_last": True}
    objectives = [
        Attribute(encoder, named, **settings),
        MaskedAttribute(encoder, named, **settings),
        MaskedItem(encoder, named, loss=Softmax, **settings),
    ]
    encoder.passes.clear()
    x = encoder(batch)
    for objective in objectives:
        objective(x)
    assert len(encoder.passes) == 1


@pytest.mark.parametrize("objective", [Attribute, MaskedAttribute])
def test_attributes_that_the_items_lack_are_refused(corpus, named, running, objective):
    with pytest.raises(CompositionError, match="feature=brand is none of the items' attributes; those are: attributes"):
        objective(running(named), named, feature="brand")
    with pytest.raises(CompositionError, match="those are: none"):
        objective(running(corpus), corpus)
