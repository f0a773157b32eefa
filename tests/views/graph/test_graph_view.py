"""What all views of a graph do: they draw as often as said, and leave the batch's own pass and its graph alone."""

from functools import partial

import pytest
import torch
from dense_graphs import dense, normalise
from omegaconf import OmegaConf

from ssrec import confs
from ssrec.compose import instantiate, locate, nodes
from ssrec.errors import CompositionError
from ssrec.pretext.quiet_pass import quiet_pass
from ssrec.views.graph.edge_drop import EdgeDrop
from ssrec.views.graph.node_drop import NodeDrop
from ssrec.views.graph.random_walk import RandomWalk
from ssrec.views.graph.view import GraphView, keep_some

DROPPING = [EdgeDrop, NodeDrop, RandomWalk]
every_dropping = pytest.mark.parametrize("view", [partial(made, rate=0.4) for made in DROPPING], ids=lambda v: v.func)


@pytest.mark.parametrize("name", confs.known("view", GraphView))
def test_a_view_of_a_graph(corpus, encoder, name):
    view = instantiate(OmegaConf.load(confs.folder() / "view" / f"{name}.yaml")[name])(corpus)
    x = quiet_pass(encoder)
    graph, layers = x.graph, [layer.clone() for layer in x.layers]
    weights = graph.weights.clone()
    torch.manual_seed(1)
    view.before_epoch(x)
    one = view(x)
    torch.manual_seed(1)
    view.before_epoch(x)
    assert torch.equal(view(x), one), "it draws outside of torch's generator"
    assert one.shape == x.nodes.shape and one.isfinite().all()
    assert torch.equal(x.graph.weights, weights) and torch.equal(encoder.weights, weights), "it edits the graph"
    assert all(torch.equal(a, b) for a, b in zip(x.layers, layers, strict=True)), "it edits the pass"
    assert not list(view.parameters())
    learning = encoder(x.batch)
    view(learning).sum().backward()
    assert encoder.embedding.weight.grad.any()


def test_a_view_that_draws_says_so(corpus, x):
    for name, made in confs.known("view", GraphView).items():
        node = OmegaConf.to_container(OmegaConf.load(confs.folder() / "view" / f"{name}.yaml"))
        ((where, content),) = nodes(node)
        assert locate(content["_target_"], where) is made
        settings = {key: 0.5 for key in ("rate",) if key in content}
        one, other = (instantiate(content, **settings)(corpus) for _ in range(2))
        assert torch.equal(one(x), other(x)) != made.draws, name


@every_dropping
def test_it_draws_for_each_epoch_or_each_step(corpus, x, view):
    epoch, step = view(corpus, draw="epoch"), view(corpus, draw="step")
    for made in (epoch, step):
        made.before_epoch(x)
    assert torch.equal(epoch(x), epoch(x)) and not torch.equal(step(x), step(x))
    before = epoch(x)
    epoch.before_epoch(x)
    assert not torch.equal(epoch(x), before)
    assert not epoch.state_dict()


@every_dropping
def test_what_is_left_is_symmetric_and_normalised(corpus, x, view):
    whole, found = dense(x.graph), view(corpus).dropped(x)
    for graph in found if isinstance(found, list) else [found]:
        left = dense(graph)
        assert graph.symmetric and torch.equal(left, left.T)
        assert (whole[left > 0] > 0).all(), "an edge came in"
        torch.testing.assert_close(left, normalise((left > 0).float()))


@every_dropping
def test_nothing_dropped_is_the_own_pass(corpus, x, view):
    assert torch.equal(view(corpus, rate=0.0)(x), x.nodes)


@pytest.mark.parametrize(
    ("n", "rate", "dropped"), [(10, 0.3, 3), (10, 0.29, 2), (7, 0.0, 0), (0, 0.5, 0), (3, 0.99, 2)]
)
def test_a_share_is_rounded_down(n, rate, dropped):
    assert int((~keep_some(n, rate, torch.device("cpu"))).sum()) == dropped


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_what_is_no_share_is_refused(corpus, rate):
    with pytest.raises(CompositionError, match=f"rate={rate}"):
        EdgeDrop(corpus, rate=rate)
