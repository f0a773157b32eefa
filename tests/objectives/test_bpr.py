"""bpr against a loop over edges and the negatives that it drew."""

import math

import pytest
import torch
from edges import Nodes, edges

from ssrec.errors import CompositionError
from ssrec.objectives.bpr import BPR

USERS, ITEMS = [1, 1, 2, 3], [1, 3, 7, 5]


@pytest.fixture
def batch():
    return edges(USERS, ITEMS)


def drawn(objective, *shape):
    """What the objective drew after seed 7."""
    torch.manual_seed(7)
    return objective.unmet(torch.tensor(USERS).view(-1, *[1] * len(shape)).expand(-1, *shape)).tolist()


def after_seed(objective, x):
    torch.manual_seed(7)
    return objective(x)


def cost(user, right, wrong):
    return -math.log(1 / (1 + math.exp(-float(user @ right - user @ wrong))))


def ends(corpus, negatives):
    """The nodes of each edge's user, positive and negative."""
    for u, i, j in zip(USERS, ITEMS, negatives, strict=True):
        yield u, i + corpus.user_rows, j + corpus.user_rows


@pytest.mark.parametrize("negatives", ["uniform", "popularity"])
def test_parts_equal_the_loop(corpus, batch, negatives):
    encoder = Nodes(corpus)
    objective = BPR(encoder, corpus, l2=0.3, negatives=negatives)
    x = encoder(batch)
    parts = after_seed(objective, x)
    nodes, free = x.nodes.detach(), encoder.free.detach()
    ranking = norms = 0.0
    for u, i, j in ends(corpus, drawn(objective)):
        ranking += cost(nodes[u], nodes[i], nodes[j])
        norms += sum(float(free[n].norm()) ** 2 for n in (u, i, j))
    assert list(parts) == ["bpr", "l2"]
    assert parts["bpr"].item() == pytest.approx(ranking / 4, rel=1e-5)
    assert parts["l2"].item() == pytest.approx(0.3 * 0.5 * norms / 4, rel=1e-5)
    sum(parts.values()).backward()
    assert encoder.free.grad.abs().sum() > 0


def test_popular_negatives_are_drawn_by_their_events(corpus):
    """Item 5 has two of the six events that user 1 has no part in."""
    draw = BPR(Nodes(corpus), corpus, negatives="popularity").unmet(torch.ones(20_000).long())
    assert draw.bincount(minlength=8).div(20_000).tolist() == pytest.approx([0, 0, 0, 0, 0.2, 0.4, 0.2, 0.2], abs=0.02)


def test_dns_takes_the_negative_of_the_highest_score(corpus, batch):
    encoder = Nodes(corpus)
    objective = BPR(encoder, corpus, negatives="dns", candidates=3)
    x = encoder(batch)
    found = after_seed(objective, x)["bpr"]
    nodes, total = x.nodes.detach(), 0.0
    for u, i, candidates in zip(USERS, ITEMS, drawn(objective, 3), strict=True):
        worst = max((nodes[j + corpus.user_rows] for j in candidates), key=lambda v, u=u: float(nodes[u] @ v))
        total += cost(nodes[u], nodes[i + corpus.user_rows], worst)
    assert found.item() == pytest.approx(total / 4, rel=1e-5)


@pytest.mark.parametrize("concat", [False, True])
def test_mixgcf_mixes_the_positive_in_and_chooses_by_layer(corpus, batch, concat):
    """As the paper writes it: every candidate is mixed, then the best one is taken, layer by layer."""
    encoder = Nodes(corpus, concat=concat)
    objective = BPR(encoder, corpus, l2=0.3, negatives="mixgcf", candidates=3)
    x = encoder(batch)
    parts = after_seed(objective, x)
    candidates, (first, second) = drawn(objective, 3), (torch.rand(4, 1).tolist() for _ in range(2))
    layers, nodes = [layer.detach() for layer in x.layers], x.nodes.detach()
    total = norms = 0.0
    for row, (u, i) in enumerate(zip(USERS, ITEMS, strict=True)):
        made = []
        for layer, (share,) in zip(layers, (first[row], second[row]), strict=True):
            own = layer[u] if concat else nodes[u]
            mixes = [
                share * layer[i + corpus.user_rows] + (1 - share) * layer[j + corpus.user_rows] for j in candidates[row]
            ]
            made.append(max(mixes, key=lambda v, own=own: float(own @ v)))
        total += cost(nodes[u], nodes[i + corpus.user_rows], encoder.read([m[None] for m in made])[0])
        norms += sum(float(v.norm()) ** 2 for v in (layers[0][u], layers[0][i + corpus.user_rows], made[0]))
    assert parts["bpr"].item() == pytest.approx(total / 4, rel=1e-5)
    assert parts["l2"].item() == pytest.approx(0.3 * 0.5 * norms / 4, rel=1e-5)
    parts["bpr"].backward()
    assert encoder.free.grad.abs().sum() > 0


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("form", ["lightgcn", "recbole", "selfrec"])
def test_forms_of_l2_and_reductions(corpus, batch, form, reduction):
    encoder = Nodes(corpus)
    objective = BPR(encoder, corpus, l2=0.3, l2_form=form, reduction=reduction)
    x = encoder(batch)
    parts = after_seed(objective, x)
    nodes, free, ranking = x.nodes.detach(), encoder.free.detach(), 0.0
    squares = {"free": [0.0, 0.0, 0.0], "propagated": [0.0, 0.0, 0.0]}
    for three in ends(corpus, drawn(objective)):
        ranking += cost(*(nodes[n] for n in three))
        for place, n in enumerate(three):
            squares["free"][place] += float(free[n].square().sum())
            squares["propagated"][place] += float(nodes[n].square().sum())
    expected = {
        "lightgcn": sum(squares["free"]) / 2,
        "recbole": sum(math.sqrt(s) for s in squares["free"]),
        "selfrec": sum(math.sqrt(s) for s in squares["propagated"][:2]),
    }[form]
    count = 4 if reduction == "mean" else 1
    assert parts["bpr"].item() == pytest.approx(ranking / count, rel=1e-5)
    assert parts["l2"].item() == pytest.approx(0.3 * expected / count, rel=1e-5)


@pytest.mark.parametrize("form", ["lightgcn", "recbole", "selfrec"])
@pytest.mark.parametrize("negatives", ["uniform", "dns", "mixgcf"])
def test_no_edges_cost_nothing(corpus, form, negatives):
    encoder = Nodes(corpus)
    objective = BPR(encoder, corpus, l2_form=form, negatives=negatives)
    total = sum(objective(encoder(edges([], []))).values())
    total.backward()
    assert total == 0 and (encoder.free.grad == 0).all()


def test_its_samplers_do_not_enter_checkpoints(corpus):
    assert not BPR(Nodes(corpus), corpus).state_dict()


@pytest.mark.parametrize(
    ("setting", "words"), [({"l2": -1.0}, "l2=-1"), ({"candidates": 0}, "candidates=0 must be at least 1")]
)
def test_settings_outside_their_range_are_refused(corpus, setting, words):
    with pytest.raises(CompositionError, match=words):
        BPR(Nodes(corpus), corpus, **setting)
