"""edge_item against a loop over edges."""

import math

import pytest
import torch
from edges import Nodes, cosine, edges

from ssrec.errors import CompositionError
from ssrec.objectives.edge_item import EdgeItem
from ssrec.ranking_losses import BCE, BPR, GBCE, SampledSoftmax, Softmax

USERS, ITEMS = [1, 1, 2, 3], [1, 3, 3, 5]


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_softmax_over_the_catalogue(corpus, similarity):
    encoder = Nodes(corpus)
    objective = EdgeItem(encoder, corpus, loss=Softmax, similarity=similarity, temperature=0.5, l2=0.3)
    x = encoder(edges(USERS, ITEMS))
    parts = objective(x)
    nodes, free = x.nodes.detach(), encoder.free.detach()
    score = cosine if similarity == "cosine" else torch.dot
    total = norms = 0.0
    for u, i in zip(USERS, ITEMS, strict=True):
        logits = [float(score(nodes[u], nodes[corpus.user_rows + j])) / 0.5 for j in range(1, 8)]
        total += math.log(sum(map(math.exp, logits))) - logits[i - 1]
        norms += sum(float(free[n].square().sum()) for n in (u, corpus.user_rows + i))
    assert parts["edge_item"].item() == pytest.approx(total / 4, rel=1e-5)
    assert parts["l2"].item() == pytest.approx(0.3 * norms / 2 / 4, rel=1e-5)
    sum(parts.values()).backward()
    assert encoder.free.grad.abs().sum() > 0


@pytest.mark.parametrize("loss", [Softmax, SampledSoftmax, BCE, GBCE, BPR])
@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_every_ranking_loss_reads_the_vectors_of_edges(corpus, loss, similarity):
    encoder = Nodes(corpus)
    objective = EdgeItem(encoder, corpus, loss=loss, similarity=similarity, temperature=2.0)
    x = encoder(edges(USERS, ITEMS))
    torch.manual_seed(7)
    parts = objective(x)
    assert list(parts) == ["edge_item"], "an L2 of weight 0 is no part"
    users, items = x.nodes[USERS], x.items
    if similarity == "cosine":
        users, items = (v / v.norm(dim=1, keepdim=True) for v in (users, items))
    torch.manual_seed(7)
    expected = loss(corpus)(users / 2.0, items, torch.tensor(ITEMS)) / 4
    torch.testing.assert_close(parts["edge_item"], expected)
    none = objective(encoder(edges([], [])))["edge_item"]
    none.backward()
    assert none == 0 and (encoder.free.grad == 0).all()


@pytest.mark.parametrize("setting", [{"temperature": 0.0}, {"l2": -1.0}])
def test_settings_outside_their_range_are_refused(corpus, setting):
    (name,) = setting
    with pytest.raises(CompositionError, match=f"edge_item: {name}="):
        EdgeItem(Nodes(corpus), corpus, loss=Softmax, **setting)
