"""ultragcn against loops over edges, negatives and neighbours, with counts from sets."""

import math

import pytest
import torch
from edges import Nodes, edges

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.objectives.ultragcn import UltraGCN

HISTORIES = [[1, 2, 3, 2], [1, 4, 5, 6], [2, 3, 5]]  # user 1 met item 2 twice; nobody met item 7
USERS, ITEMS = [1, 1, 2, 3], [1, 3, 4, 5]


@pytest.fixture
def corpus():
    flat = torch.tensor([i for h in HISTORIES for i in h])
    offsets = torch.tensor([0, 0, *(len(h) for h in HISTORIES)]).cumsum(0)
    return Corpus(flat, offsets, n_users=3, n_items=7)


def softplus(x):
    return math.log(1 + math.exp(x))


def omega(i, k):
    met = [set(h) for h in HISTORIES]
    both = [[sum(a in h and b in h for h in met) for b in range(8)] for a in range(8)]
    return both[i][k] * math.sqrt(sum(both[i]) + 1) / sum(both[i]) / math.sqrt(sum(both[k]) + 1)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_parts_equal_the_loop(corpus, reduction):
    encoder = Nodes(corpus)
    weights = {"negative_weight": 3.0, "w1": 0.1, "w2": 0.8, "w3": 0.2, "w4": 0.9, "item_weight": 0.7}
    objective = UltraGCN(encoder, corpus, negatives=5, neighbours=3, reduction=reduction, **weights)
    x = encoder(edges(USERS, ITEMS))
    torch.manual_seed(7)
    parts = objective(x)
    torch.manual_seed(7)
    drawn = objective.proposal.sample(4, 5).tolist()
    nodes = x.nodes.detach()
    d_user = [0, *(len(set(h)) for h in HISTORIES)]
    d_item = [sum(i in h for h in HISTORIES) for i in range(8)]

    def constraint(u, i):
        return math.sqrt(d_user[u] + 1) / (d_user[u] * math.sqrt(d_item[i] + 1))

    def score(u, i):
        return float(nodes[u] @ nodes[corpus.user_rows + i])

    main = near = 0.0
    for u, i, negatives in zip(USERS, ITEMS, drawn, strict=True):
        main += (0.1 + 0.8 * constraint(u, i)) * softplus(-score(u, i))
        main += 3.0 * sum((0.2 + 0.9 * constraint(u, j)) * softplus(score(u, j)) for j in negatives) / 5
        best = sorted(range(1, 7), key=lambda k, i=i: omega(i, k))[-3:]
        near += 0.7 * sum(omega(i, k) * softplus(-score(u, k)) for k in best)
    count = 4 if reduction == "mean" else 1
    assert parts["ultragcn"].item() == pytest.approx(main / count, rel=1e-5)
    assert parts["items"].item() == pytest.approx(near / count, rel=1e-5)
    sum(parts.values()).backward()
    assert encoder.free.grad.abs().sum() > 0


def test_an_item_that_nobody_met_has_no_neighbour(corpus):
    objective = UltraGCN(Nodes(corpus), corpus, neighbours=50)
    assert (objective.near_weight[[0, 7]] == 0).all() and objective.near_weight.isfinite().all()
    assert not objective.state_dict()


def test_no_edges_cost_nothing(corpus):
    encoder = Nodes(corpus)
    total = sum(UltraGCN(encoder, corpus)(encoder(edges([], []))).values())
    total.backward()
    assert total == 0 and (encoder.free.grad == 0).all()


@pytest.mark.parametrize("setting", [{"negatives": 0}, {"neighbours": 0}, {"w3": -1.0}, {"item_weight": -1.0}])
def test_settings_outside_their_range_are_refused(corpus, setting):
    (name,) = setting
    with pytest.raises(CompositionError, match=f"ultragcn: {name}="):
        UltraGCN(Nodes(corpus), corpus, **setting)
