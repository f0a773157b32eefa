"""What every encoder of graphs inherits: the pass, its readout, other passes, noise."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from dense_graphs import dense
from torch.testing import assert_close

from ssrec.encodings.graph import GraphEncoding
from ssrec.errors import CompositionError
from ssrec.models.graph import GraphEncoder

USERS, ITEMS = 7, 10


class Branching(GraphEncoder):
    """Neighbours, and the vectors themselves times the number of the step."""

    def __init__(self, corpus, **settings):
        super().__init__(corpus, **{"dim": 4, "layers": 2, "init_std": 1.0, "readout": "mean", **settings})

    def step(self, number, x, graph):
        return graph @ x, number * x

    def outputs(self, layers):
        return [layers[0], *(layer + 1 for layer in layers[1:])]


def pass_of(matrices, start, noise=None):
    """The layers of `Branching`, with dense matrices."""
    layers = [start]
    for number, matrix in enumerate(matrices, start=1):
        x = matrix @ layers[-1] + number * layers[-1]
        layers.append(x if noise is None else noise(number, x))
    return layers


@pytest.fixture
def model(corpus):
    torch.manual_seed(0)
    return Branching(corpus)


@pytest.fixture
def batch(make_batch):
    return make_batch([[1], [2], [3]])


def test_a_pass_has_layers_branches_and_what_it_reads(model, batch):
    x, matrix = model(batch), dense(model.graph)
    assert isinstance(x, GraphEncoding)
    expected = pass_of([matrix] * 2, model.embedding.weight)
    for ours, theirs in zip(x.layers, expected, strict=True):
        assert_close(ours, theirs)
    assert len(x.branches) == 2
    for number, (near, own) in enumerate(x.branches, start=1):
        assert_close(near, matrix @ expected[number - 1])
        assert_close(own, number * expected[number - 1])
    assert_close(x.nodes, (expected[0] + expected[1] + 1 + expected[2] + 1) / 3)
    assert torch.equal(x.graph.weights, model.graph.weights)


@pytest.mark.parametrize("layer0", [True, False])
@pytest.mark.parametrize("readout", ["mean", "sum", "last", "concat"])
def test_readouts(corpus, batch, readout, layer0):
    torch.manual_seed(0)
    model = Branching(corpus, readout=readout, layer0=layer0)
    x = model(batch)
    first, second, third = (layer + (i > 0) for i, layer in enumerate(x.layers))
    expected = {
        ("mean", True): (first + second + third) / 3,
        ("mean", False): (second + third) / 2,
        ("sum", True): first + second + third,
        ("sum", False): second + third,
        ("last", True): third,
        ("last", False): third,
        ("concat", True): torch.cat([first, second, third], dim=1),
        ("concat", False): torch.cat([second, third], dim=1),
    }[readout, layer0]
    assert_close(x.nodes, expected)
    rows = torch.tensor([8, 3, 3])
    assert_close(x.readout([layer[rows] for layer in x.layers]), expected[rows])
    unknown = model(replace(batch, user=torch.tensor([0, 2, 0])))  # the mean of the items in her past
    assert_close(unknown.users, torch.stack([x.items[1], x.nodes[2], x.items[3]]))


def test_another_pass_over_the_whole_graph_is_the_pass(model, batch):
    x = model(batch)
    for same in (x.view(), x.view(x.graph), x.view([x.graph] * 2), x.view(perturb=lambda _, y: y), x.view().view()):
        assert same is not x and same.batch is batch
        assert torch.equal(same.nodes, x.nodes)
        assert all(torch.equal(a, b) for a, b in zip(same.layers, x.layers, strict=True))


def test_another_pass_runs_over_its_graphs_with_gradients(model, batch):
    torch.manual_seed(1)
    x = model(batch)
    drawn = [x.graph.keep_edges(torch.rand(x.graph.n_edges) < 0.5), x.graph.reweighed(torch.rand_like(x.graph.weights))]
    view = x.view(drawn)
    start = model.embedding.weight.detach().clone().requires_grad_()
    expected = pass_of([dense(graph) for graph in drawn], start)
    for ours, theirs in zip(view.layers, expected, strict=True):
        assert_close(ours, theirs)
    assert not torch.equal(view.nodes, x.nodes)
    upstream = torch.randn_like(view.nodes)
    view.nodes.backward(upstream)
    ((expected[0] + expected[1] + expected[2] + 2) / 3).backward(upstream)
    assert_close(model.embedding.weight.grad, start.grad)
    assert torch.equal(view.graph.weights, model.graph.weights), "views of a view draw from the whole graph"
    one = pass_of([dense(drawn[0])] * 2, start)
    assert_close(x.view(drawn[0]).layers[-1], one[-1])


def test_a_perturbation_comes_after_every_step_and_is_carried_on(model, batch):
    def noise(number, x):
        return x + 10**number

    x = model(batch)
    expected = pass_of([dense(x.graph)] * 2, model.embedding.weight, noise)
    for ours, theirs in zip(x.view(perturb=noise).layers, expected, strict=True):
        assert_close(ours, theirs)


def test_noise_is_in_the_pass_of_training_alone(corpus, batch):
    torch.manual_seed(0)
    model, plain = Branching(corpus, noise=0.3), Branching(corpus)
    plain.load_state_dict(model.state_dict())

    def noise(number, x):
        return x + x.sign() * F.normalize(torch.rand(x.shape), dim=1) * 0.3

    torch.manual_seed(5)
    expected = pass_of([dense(model.graph)] * 2, model.embedding.weight, noise)
    torch.manual_seed(5)
    x = model(batch)
    for ours, theirs in zip(x.layers, expected, strict=True):
        assert_close(ours, theirs)
    clean = plain(batch).nodes
    assert not torch.equal(x.nodes, clean)
    assert torch.equal(x.view().nodes, clean) and torch.equal(model.shared().nodes, clean)
    assert torch.equal(model.eval()(batch).nodes, clean)


def test_evaluation_propagates_once(model, batch):
    shared = model.shared()
    x = model(batch, shared)
    assert x.nodes is shared.nodes and x.layers is shared.layers
    assert torch.equal(x.scores(), model(batch).scores())


def test_what_objectives_share_is_made_once(model, batch):
    x = model(batch)
    view = x.once("view", x.view)
    assert x.once("view", x.view) is view


def test_a_pass_is_exact_under_autocast(model, batch):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        nodes = model(batch).nodes
    assert torch.equal(nodes, model(batch).nodes)


def test_the_graph_is_not_saved_and_moves_with_the_model(model):
    assert set(model.state_dict()) == {"embedding.weight"}
    assert model.to("meta").graph.mate.device.type == "meta"


def test_first_vectors(corpus):
    torch.manual_seed(0)
    normal, xavier = (Branching(corpus, dim=4000, init_std=std).embedding.weight for std in (0.1, None))
    for weight, users, items in ((normal, 0.1, 0.1), (xavier, (2 / 4007) ** 0.5, (2 / 4010) ** 0.5)):
        assert not weight[[0, USERS]].any()  # the unknown user and padding
        assert weight[1:USERS].std().item() == pytest.approx(users, rel=0.05)
        assert weight[USERS + 1 :].std().item() == pytest.approx(items, rel=0.05)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dim": 0}, "branching: dim=0"),
        ({"layers": -1}, "layers=-1"),
        ({"init_std": 0.0}, "init_std=0.0"),
        ({"layers": 0, "layer0": False}, "layer0=false with layers=0"),
        ({"noise": -0.1}, "noise=-0.1"),
        ({"layers": 0, "noise": 0.1}, "noise=0.1 with layers=0"),
    ],
)
def test_settings_out_of_range_are_refused(corpus, settings, words):
    with pytest.raises(CompositionError, match=words):
        Branching(corpus, **settings)


def test_a_graph_for_each_step_is_one_for_each(model, batch):
    x = model(batch)
    with pytest.raises(CompositionError, match="layers=2, and a view gave 3 graphs"):
        _ = x.view([x.graph] * 3).nodes


def test_cosines_are_dot_products_of_what_is_read(corpus, batch):
    torch.manual_seed(0)
    plain = Branching(corpus)
    torch.manual_seed(0)
    x = Branching(corpus, similarity="cosine")(batch)
    nodes = plain(batch).nodes
    assert_close(x.nodes, nodes / nodes.norm(dim=1, keepdim=True).clamp(min=1e-12))
    known = F.cosine_similarity(nodes[batch.user][:, None], nodes[corpus.user_rows :][None], dim=-1)
    assert_close(x.scores(), known)
