"""bootstrap_graph against a loop over edges; its passes over parts of the graph against dense matrices."""

from functools import partial

import pytest
import torch
from dense_graphs import dense
from edges import cosine, edges
from torch.testing import assert_close

from ssrec.errors import CompositionError
from ssrec.models.graph import GraphEncoder
from ssrec.models.with_predictor import WithPredictor
from ssrec.objectives.bootstrap_graph import BootstrapGraph
from ssrec.pretext.bootstrap_targets import BootstrapTarget, History, Taught
from ssrec.pretext.teacher import Teacher

USERS, ITEMS = [1, 2, 1, 3], [1, 4, 3, 5]


class Steps(GraphEncoder):
    """Neighbours; keeps the graphs that its steps ran over."""

    def __init__(self, corpus):
        super().__init__(corpus, dim=3, layers=2, init_std=1.0, readout="mean")
        self.graphs = []

    def step(self, number, x, graph):
        self.graphs.append(graph)
        return (graph @ x,)


class Given(BootstrapTarget):
    """Fixed vectors; keeps the pass that predicts and one that it drops edges from."""

    def __init__(self, encoder):
        super().__init__()
        self.user, self.item = torch.randn(2, 4, 3)
        self.done = []

    def forward(self, x, drop):
        self.seen, self.dropped = x, drop(x)
        return self.user, self.item

    def before_epoch(self, encoder):
        self.done.append(("epoch", encoder))

    def after_step(self, encoder):
        self.done.append(("step", encoder))


@pytest.fixture
def encoder(corpus):
    torch.manual_seed(0)
    return WithPredictor(corpus, encoder=Steps)


@pytest.fixture
def batch():
    return edges(USERS, ITEMS)


def test_each_end_of_an_edge_predicts_the_target_of_the_other(corpus, encoder, batch):
    objective = BootstrapGraph(encoder, corpus, target=Given, edge_dropout=0.0, l2=0.3)
    x = encoder(batch)
    parts = objective(x)
    assert objective.target.seen is x.base, "without dropped edges it is the batch's own pass"
    nodes, target = x.base.nodes.detach(), objective.target
    bootstrap, l2 = 0.0, 0.0
    for b, (user, item) in enumerate(zip(USERS, ITEMS, strict=True)):
        u, i = nodes[user], nodes[corpus.user_rows + item]
        with torch.no_grad():
            bootstrap += 4 - 2 * cosine(encoder.predictor(u), target.item[b])
            bootstrap -= 2 * cosine(encoder.predictor(i), target.user[b])
        l2 += float((u @ u + i @ i) / 2)
    assert {name: value.item() for name, value in parts.items()} == {
        "bootstrap": pytest.approx(bootstrap / 4, rel=1e-5),
        "l2": pytest.approx(0.3 * l2 / 4, rel=1e-5),
    }
    assert set(BootstrapGraph(encoder, corpus, target=Given)(x)) == {"bootstrap"}


@pytest.mark.parametrize(
    "target",
    [partial(Taught, teacher=Teacher), partial(History, momentum=0.5)],
    ids=["teacher", "history"],
)
def test_no_gradient_passes_the_target(corpus, encoder, batch, target):
    """Though a history is made of the vectors that predict, and a teacher of a copy of them."""
    objective = BootstrapGraph(encoder, corpus, target=target, edge_dropout=0.0)
    x = encoder(batch)
    (loss,) = objective(x).values()
    loss.backward()
    found = encoder.encoder.embedding.weight.grad
    of_user, of_item = (v.detach().clone() for v in objective.target(x.base, lambda y: y))
    again = encoder(batch)
    ends = again.base.nodes[batch.user], again.base.nodes[again.base.item_node(batch.target[:, 0])]
    ways = [
        2 - 2 * torch.cosine_similarity(encoder.predictor(vectors), fixed)
        for vectors, fixed in zip(ends, (of_item, of_user), strict=True)
    ]
    (expected,) = torch.autograd.grad((ways[0] + ways[1]).mean(), encoder.encoder.embedding.weight)
    assert found.any()
    assert_close(found, expected)


def test_every_pass_leaves_out_edges_at_a_rate_of_its_own(corpus, encoder, batch):
    objective = BootstrapGraph(encoder, corpus, target=Given, edge_dropout=0.8)
    graph, rates = encoder.encoder.graph, []
    for _ in range(100):
        encoder.encoder.graphs.clear()
        x = encoder(batch)
        objective(x)
        seen, dropped = objective.target.seen, objective.target.dropped
        for y in (seen, dropped):
            _ = y.nodes
        first, again, second, _ = encoder.encoder.graphs
        assert first is again and not torch.equal(first.weights, second.weights)
        start = encoder.encoder.embedding.weight
        assert_close(seen.nodes, (start + dense(first) @ start + dense(first) @ dense(first) @ start) / 3)
        for drawn in (first, second):
            kept = drawn.weights != 0
            grown = drawn.weights[kept] / graph.weights[kept]
            if len(grown):
                assert_close(grown, grown[:1].expand_as(grown))  # all by the same 1 / (1 - rate)
                rates.append(1 - 1 / grown[0].item())
                share = kept.float().mean().item()
                assert abs(share - (1 - rates[-1])) < 5 * (rates[-1] * (1 - rates[-1]) / len(kept)) ** 0.5 + 1e-6
    rates = torch.tensor(rates)
    assert rates.min() >= 0 and rates.max() <= 0.8
    assert rates.mean().item() == pytest.approx(0.4, abs=0.1) and rates.std().item() == pytest.approx(0.23, abs=0.06)


def test_edges_are_dropped_in_training_alone(corpus, encoder, batch):
    objective = BootstrapGraph(encoder, corpus, target=Given, edge_dropout=0.8)
    first, second = (objective(encoder(batch))["bootstrap"] for _ in range(2))
    assert first != second
    objective.eval()
    assert objective(encoder(batch))["bootstrap"] == objective(encoder(batch))["bootstrap"]


def test_its_target_hears_of_epochs_and_steps(corpus, encoder):
    objective = BootstrapGraph(encoder, corpus, target=Given)
    objective.before_epoch(encoder, corpus)
    objective.after_step(encoder)
    assert objective.target.done == [("epoch", encoder), ("step", encoder)]


@pytest.mark.parametrize("wrong", [{"edge_dropout": 1.1}, {"edge_dropout": -0.1}, {"l2": -1.0}])
def test_settings_outside_their_range_are_refused(corpus, encoder, wrong):
    (name,) = wrong
    with pytest.raises(CompositionError, match=f"bootstrap_graph: {name}="):
        BootstrapGraph(encoder, corpus, target=Given, **wrong)
