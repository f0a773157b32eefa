"""bsl against a loop over edges, their users' edges and their negatives."""

import math

import pytest
import torch
from edges import Nodes, cosine, edges

from ssrec.errors import CompositionError
from ssrec.objectives.bsl import BSL

USERS, ITEMS = [1, 1, 2, 3], [1, 3, 3, 5]  # user 1 and item 3 stand twice


def log_mean_exp(values):
    return math.log(sum(map(math.exp, values)) / len(values))


@pytest.mark.parametrize("positives", ["user", "edge"])
@pytest.mark.parametrize(("negatives", "false_negatives"), [(None, "keep"), (None, "mask"), (5, "keep")])
def test_it_equals_the_loop(corpus, positives, negatives, false_negatives):
    encoder = Nodes(corpus)
    settings = {"positives": positives, "negatives": negatives, "false_negatives": false_negatives}
    objective = BSL(encoder, corpus, temperature=0.4, balance=1.3, l2=0.3, **settings)
    x = encoder(edges(USERS, ITEMS))
    torch.manual_seed(7)
    parts = objective(x)
    torch.manual_seed(7)
    drawn = objective.proposal.sample(4, 5).tolist()
    nodes, free = x.nodes.detach(), encoder.free.detach()

    def score(u, i):
        return cosine(nodes[u], nodes[corpus.user_rows + i]) / 0.4

    total = norms = 0.0
    for row, (u, i) in enumerate(zip(USERS, ITEMS, strict=True)):
        right = (
            [score(u, j) for v, j in zip(USERS, ITEMS, strict=True) if v == u] if positives == "user" else [score(u, i)]
        )
        wrong = drawn[row]
        if negatives is None:
            wrong = [j for c, j in enumerate(ITEMS) if c != row and not (false_negatives == "mask" and j == i)]
        total += 1.3 * log_mean_exp([score(u, j) for j in wrong]) - log_mean_exp(right)
        norms += sum(float(free[n].square().sum()) for n in (u, corpus.user_rows + i))
    assert parts["bsl"].item() == pytest.approx(total / 4, rel=1e-5)
    assert parts["l2"].item() == pytest.approx(0.3 * norms / 2 / 4, rel=1e-5)
    sum(parts.values()).backward()
    assert encoder.free.grad.abs().sum() > 0


def test_an_edge_without_negatives_pays_for_its_positive_alone(corpus):
    encoder = Nodes(corpus)
    x = encoder(edges([1], [2]))
    (found,) = BSL(encoder, corpus)(x).values()
    found.backward()
    assert found.item() == pytest.approx(-cosine(*x.nodes.detach()[[1, corpus.user_rows + 2]]) / 0.1, rel=1e-5)
    assert encoder.free.grad.isfinite().all()


@pytest.mark.parametrize("negatives", [None, 5])
def test_no_edges_cost_nothing(corpus, negatives):
    encoder = Nodes(corpus)
    total = BSL(encoder, corpus, negatives=negatives)(encoder(edges([], [])))["bsl"]
    total.backward()
    assert total == 0 and (encoder.free.grad == 0).all()


@pytest.mark.parametrize("setting", [{"temperature": 0.0}, {"balance": 0.0}, {"negatives": 0}, {"l2": -1.0}])
def test_settings_outside_their_range_are_refused(corpus, setting):
    (name,) = setting
    with pytest.raises(CompositionError, match=f"bsl: {name}="):
        BSL(Nodes(corpus), corpus, **setting)


def test_a_mask_of_the_batch_is_refused_where_negatives_are_drawn(corpus):
    with pytest.raises(CompositionError, match="mask is for negatives of the batch, and 5 are drawn"):
        BSL(Nodes(corpus), corpus, negatives=5, false_negatives="mask")
