"""contrast_branches against the branches of HCCF, step by step."""

import pytest
import torch
from edges import edges

from ssrec.contrasts.nodes import NodeContrast
from ssrec.errors import CompositionError
from ssrec.models.hccf import HCCF
from ssrec.objectives.contrast_branches import ContrastBranches
from ssrec.train import checked, stages

BATCH = edges([1, 1, 2, 3], [1, 3, 3, 5])


@pytest.fixture
def encoder(corpus):
    torch.manual_seed(0)
    return HCCF(corpus, dim=4, layers=2, hyperedges=3, dropout=0.0)


@pytest.mark.parametrize("detach", [True, False])
def test_each_step_tells_hyperedges_by_neighbours(corpus, encoder, detach):
    contrast = NodeContrast(temperature=0.1)
    x = encoder(BATCH)
    parts = ContrastBranches(encoder, corpus, contrast=contrast, detach=detach)(x)
    steps = []
    for before in x.layers[:2]:
        near = x.graph @ before
        users, items = (
            linear(rows) @ (linear(rows).T @ wide)
            for linear, rows, wide in zip(
                (encoder.of_users, encoder.of_items), x.layers[0].split([4, 8]), before.split([4, 8]), strict=True
            )
        )
        near = near.detach() if detach else near
        steps.append(contrast(near, torch.cat([users, items]), BATCH.user, BATCH.target[:, 0], 4))
    for name in ("users", "items"):
        torch.testing.assert_close(parts[name], steps[0][name] + steps[1][name])
    parameters = list(encoder.parameters())
    ours = torch.autograd.grad(sum(parts.values()), parameters, retain_graph=True)
    theirs = torch.autograd.grad(sum(value for step in steps for value in step.values()), parameters)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert all(gradient.any() for gradient in ours)


def test_an_encoder_of_one_branch_is_refused(tiny):
    (stage,) = stages(tiny("model=lightgcn", "objective=[contrast_branches]"))
    said = "contrast_branches reads a propagation whose steps add up 2 or more branches, but model LightGCN adds up 1"
    with pytest.raises(CompositionError, match=f"{said}. Models that fit: hccf"):
        checked(stage, starts=False)
