"""masked_attribute against a loop over masked items and names."""

import pytest
import torch
import torch.nn.functional as F

from ssrec.objectives.masked_attribute import MaskedAttribute

NAMES = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 1]]).float()


@pytest.mark.parametrize("per", ["item", "row"])
@torch.no_grad()
def test_the_names_of_masked_items(named, batch, running, per):
    batch = batch.select(torch.arange(3).repeat(5))
    encoder = running(named)
    objective = MaskedAttribute(encoder, named, probability=0.5, per=per)
    for parameter in objective.parameters():
        torch.nn.init.normal_(parameter)
    encoder.passes.clear()
    (loss,) = objective(encoder(batch)).values()
    ((seen, causal),) = encoder.passes
    assert not causal
    hidden = encoder.encode(seen, False)
    naive, n = 0.0, 0
    for b in range(15):
        for t in range(4):
            if seen[b, t] == named.mask:
                logits = objective.names.map(hidden[b, t]) @ objective.names.vectors.weight[1:].T
                has = NAMES[batch.whole[b, t] - 1]
                naive += float(F.binary_cross_entropy_with_logits(logits, has, reduction="sum"))
                n += 1
    assert n > 15
    assert loss.item() == pytest.approx(naive / (n if per == "item" else 15), rel=1e-5)


def test_nothing_masked_costs_nothing(named, batch, running):
    encoder = running(named)
    objective = MaskedAttribute(encoder, named, probability=0.0, at_least_one=False)
    (loss,) = objective(encoder(batch)).values()
    loss.backward()
    assert loss == 0 and all((p.grad == 0).all() for p in objective.parameters())
