"""contrast_graph against its contrast of the passes that it should make, and LightGCL and SGL by loops."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from edges import cosine, edges

from ssrec.contrasts.nodes import NodeContrast
from ssrec.errors import CompositionError
from ssrec.models.lightgcn import LightGCN
from ssrec.objectives.contrast_graph import ContrastGraph
from ssrec.runs import read
from ssrec.train import checked, stages, train
from ssrec.views.graph.edge_drop import EdgeDrop
from ssrec.views.graph.noise import Noise
from ssrec.views.graph.svd import SVDView

USERS, ITEMS = [1, 1, 2, 3], [1, 3, 3, 5]  # user 1 and item 3 stand twice
DROP = {"edge_drop": partial(EdgeDrop, rate=0.3)}
USER_ROWS = 4


@pytest.fixture
def encoder(corpus):
    torch.manual_seed(0)
    return LightGCN(corpus, dim=4, layers=2, init_std=1.0)


def softmax_cost(anchor, others, own, similarity, temperature, clamp=math.inf):
    logits = [float(similarity(anchor, other)) / temperature for other in others]
    return math.log(sum(map(math.exp, logits))) - max(-clamp, min(clamp, logits[own]))


def test_sgl_sums_over_edges_against_all_users_and_all_items(corpus, encoder):
    contrast = NodeContrast(negatives="all", anchors="edges", reduction="sum")
    objective = ContrastGraph(encoder, corpus, views=DROP, contrast=contrast)
    objective.before_epoch(encoder, corpus)
    x = encoder(edges(USERS, ITEMS))
    parts = objective(x)
    first, second = (view(x).detach() for view in objective.made)
    assert not torch.equal(first, second)
    users = sum(softmax_cost(first[u], second[1:USER_ROWS], u - 1, cosine, 0.2) for u in USERS)
    items = sum(softmax_cost(first[USER_ROWS + i], second[USER_ROWS + 1 :], i - 1, cosine, 0.2) for i in ITEMS)
    assert parts["users"].item() == pytest.approx(users, rel=1e-4)
    assert parts["items"].item() == pytest.approx(items, rel=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(objective(x).values(), parts.values(), strict=True)), "drawn anew"


def test_lightgcl_contrasts_a_low_rank_view_with_the_clean_pass(corpus, encoder):
    """Dot products against all nodes; only the positive is cut, after the division."""
    contrast = NodeContrast(negatives="all", anchors="edges", similarity="dot", clamp=1.0)
    objective = ContrastGraph(
        encoder, corpus, views={"svd": partial(SVDView, rank=1)}, against="clean", contrast=contrast
    )
    x = encoder(edges(USERS, ITEMS))
    parts = objective(x)
    view, clean = objective.made[0](x).detach(), x.nodes.detach()
    users = [softmax_cost(view[u], clean[1:USER_ROWS], u - 1, torch.dot, 0.2, 1.0) for u in USERS]
    items = [softmax_cost(view[4 + i], clean[5:], i - 1, torch.dot, 0.2, 1.0) for i in ITEMS]
    assert parts["users"].item() == pytest.approx(sum(users) / 4, rel=1e-4)
    assert parts["items"].item() == pytest.approx(sum(items) / 4, rel=1e-4)
    torch.stack(list(parts.values())).sum().backward()
    assert encoder.embedding.weight.grad.any()


def test_simgcl_contrasts_two_noisy_passes_of_the_nodes_of_the_batch(corpus, encoder):
    objective = ContrastGraph(encoder, corpus, views={"noise": partial(Noise, length=0.3)}, contrast=NodeContrast())
    x = encoder(edges(USERS, ITEMS))
    torch.manual_seed(5)
    parts = objective(x)
    torch.manual_seed(5)

    def noisy():
        layers = [x.layers[0]]
        for _ in range(2):
            after = x.graph @ layers[-1]
            layers.append(after + 0.3 * after.sign() * F.normalize(torch.rand_like(after), dim=1))
        return (sum(layers) / 3).detach()

    first, second = noisy(), noisy()
    for name, nodes in {"users": torch.tensor([1, 2, 3]), "items": 4 + torch.tensor([1, 3, 5])}.items():
        cost = [softmax_cost(first[n], second[nodes], i, cosine, 0.2) for i, n in enumerate(nodes)]
        assert parts[name].item() == pytest.approx(sum(cost) / 3, rel=1e-4)


@pytest.mark.parametrize("against", ["view", "clean"])
def test_of_several_views_two_different_ones_are_drawn(corpus, encoder, against):
    views = {**DROP, "svd": partial(SVDView, rank=1), "noise": partial(Noise, length=0.3)}
    objective = ContrastGraph(encoder, corpus, views=views, contrast=NodeContrast(), against=against)
    assert len(objective.made) == 3
    x, read = encoder(edges(USERS, ITEMS)), []
    for i, view in enumerate(objective.made):
        view.register_forward_hook(lambda *_, i=i: read.append(i))
    for _ in range(100):
        objective(x)
    drawn = list(zip(read[::2], read[1::2], strict=True)) if against == "view" else read
    assert set(drawn) == ({(a, b) for a in range(3) for b in range(3) if a != b} if against == "view" else {0, 1, 2})


def test_other_objectives_share_the_clean_pass(corpus, encoder):
    """With a view of a pass there are two of them, and the view is drawn once an epoch where it says so."""
    passes = []
    propagate = encoder.propagate
    encoder.propagate = lambda *args: passes.append(args) or propagate(*args)
    objective = ContrastGraph(encoder, corpus, views=DROP, contrast=NodeContrast(), against="clean")
    passes.clear()
    x = encoder(edges(USERS, ITEMS))
    _ = x.nodes
    objective(x)
    assert len(passes) == 2


def test_no_edges_cost_nothing(corpus, encoder):
    total = sum(ContrastGraph(encoder, corpus, views=DROP, contrast=NodeContrast())(encoder(edges([], []))).values())
    total.backward()
    assert total == 0 and not encoder.embedding.weight.grad.any()


def test_what_cannot_be_contrasted_is_refused(corpus, encoder):
    make = partial(ContrastGraph, corpus=corpus, contrast=NodeContrast())
    with pytest.raises(CompositionError, match="no view"):
        make(encoder, views={})
    with pytest.raises(CompositionError, match="both copies of view svd would be the same"):
        make(encoder, views={"svd": partial(SVDView, rank=1)})
    with pytest.raises(CompositionError, match="without a step"):
        make(LightGCN(corpus, layers=0), views=DROP)


@pytest.mark.parametrize(
    ("said", "overrides"),
    [
        ("add up 1 or more branches, but model MF adds up 0", ["model=mf"]),
        (
            "Mask is no GraphView view. Views that fit: edge_drop, node_drop",
            ["model=lightgcn", "view@objective.contrast_graph.loss.views=[mask]"],
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_data_is_read(tiny, said, overrides):
    (stage,) = stages(tiny("objective=[contrast_graph]", *overrides))
    with pytest.raises(CompositionError, match=said):
        checked(stage, starts=False)


def test_a_view_of_a_graph_is_none_of_sequences(tiny):
    chosen = ["objective=[contrast_sequence]", "view@objective.contrast_sequence.loss.views=[edge_drop]"]
    (stage,) = stages(tiny(*chosen))
    with pytest.raises(CompositionError, match=r"EdgeDrop is no View view\. Views that fit: crop, dropout"):
        checked(stage, starts=False)


@pytest.mark.parametrize("view", ["node_drop", "random_walk"])
def test_the_other_kinds_of_sgl_are_overrides(tiny, view):
    chosen = ["recipe=sgl", "debug=fast", "model.dim=8", f"view@objective.contrast_graph.loss.views=[{view}]"]
    config = tiny(*chosen)
    assert list(config.objective.contrast_graph.loss.views) == [view]
    assert "test/ndcg@10" in read(train(config))["metrics"]


def test_it_trains_from_end_to_end(tiny):
    result = read(train(tiny("model=lightgcn", "model.dim=8", "objective=[bpr,contrast_graph]", "debug=fast")))
    assert result["metrics"]["test/ndcg@10"] >= 0
