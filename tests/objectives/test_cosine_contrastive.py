"""cosine_contrastive against a loop over edges and the negatives that they drew."""

import pytest
import torch
from edges import Nodes, cosine, edges

from ssrec.errors import CompositionError
from ssrec.objectives.cosine_contrastive import CosineContrastive

USERS, ITEMS = [1, 1, 2, 3], [1, 3, 3, 5]


@pytest.mark.parametrize("margin", [0.9, 0.0, -1.0])
def test_it_equals_the_loop(corpus, margin):
    encoder = Nodes(corpus)
    objective = CosineContrastive(encoder, corpus, negatives=5, margin=margin, negative_weight=3.0)
    x = encoder(edges(USERS, ITEMS))
    torch.manual_seed(7)
    (found,) = objective(x).values()
    torch.manual_seed(7)
    drawn = objective.proposal.sample(4, 5).tolist()
    nodes, total = x.nodes.detach(), 0.0
    for u, i, negatives in zip(USERS, ITEMS, drawn, strict=True):
        over = [max(0.0, cosine(nodes[u], nodes[corpus.user_rows + j]) - margin) for j in negatives]
        total += 1 - cosine(nodes[u], nodes[corpus.user_rows + i]) + 3.0 * sum(over) / 5
    assert found.item() == pytest.approx(total / 4, rel=1e-5)
    found.backward()
    assert encoder.free.grad.abs().sum() > 0


def test_no_edges_cost_nothing(corpus):
    encoder = Nodes(corpus)
    total = CosineContrastive(encoder, corpus)(encoder(edges([], [])))["cosine_contrastive"]
    total.backward()
    assert total == 0 and (encoder.free.grad == 0).all()


@pytest.mark.parametrize("setting", [{"negatives": 0}, {"margin": 1.0}, {"negative_weight": -1.0}])
def test_settings_outside_their_range_are_refused(corpus, setting):
    (name,) = setting
    with pytest.raises(CompositionError, match=f"cosine_contrastive: {name}="):
        CosineContrastive(Nodes(corpus), corpus, **setting)
