"""LightGCN against the dense matrix formula, with its gradient."""

from dataclasses import replace

import pytest
import torch
from dense_graphs import adjacency, normalise

from ssrec.encodings.graph import GraphEncoding
from ssrec.errors import CompositionError
from ssrec.models.lightgcn import LightGCN

USERS, ITEMS = 7, 10


def dense(histories, start, layers):
    """The mean of A^l E for the normalised adjacency A, built one edge at a time."""
    a = normalise(adjacency(histories, ITEMS))
    return [torch.linalg.matrix_power(a, step) @ start for step in range(layers + 1)]


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_layers_nodes_and_gradient_are_those_of_the_dense_formula(corpus, histories, make_batch, layers):
    torch.manual_seed(0)
    model = LightGCN(corpus, dim=4, layers=layers, init_std=1.0)
    batch = make_batch([[1], [2], [3]])
    encoding = model(batch)
    assert isinstance(encoding, GraphEncoding)
    start = model.embedding.weight.detach().clone().requires_grad_()
    expected = dense(histories, start, layers)
    assert len(encoding.layers) == layers + 1
    for ours, theirs in zip(encoding.layers, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    nodes = torch.stack(expected).mean(0)
    torch.testing.assert_close(encoding.nodes, nodes)
    upstream = torch.randn_like(nodes)
    encoding.nodes.backward(upstream)
    nodes.backward(upstream)
    torch.testing.assert_close(model.embedding.weight.grad, start.grad)


def test_nodes_are_the_users_then_the_items(corpus, make_batch):
    torch.manual_seed(0)
    model = LightGCN(corpus, dim=4, init_std=1.0)
    batch = make_batch([[1], [2]])
    encoding = model(batch)
    assert torch.equal(encoding.users, encoding.nodes[[1, 2]])
    assert torch.equal(encoding.items, encoding.nodes[USERS:])
    torch.testing.assert_close(encoding.scores(), encoding.nodes[[1, 2]] @ encoding.nodes[USERS:].T)
    assert not encoding.nodes[[0, USERS]].any()  # the unknown user and padding


def test_a_repeat_is_one_edge(corpus, histories):
    pairs = {(user, item) for user, row in enumerate(histories) for item in row}
    assert len(LightGCN(corpus).weights) == 2 * len(pairs)


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="lightgcn: layers=-1"):
        LightGCN(corpus, layers=-1)


@pytest.mark.parametrize(("readout", "layer0"), [("mean", False), ("sum", True), ("last", True), ("concat", True)])
def test_its_readout_and_noise_are_settings(corpus, make_batch, readout, layer0):
    torch.manual_seed(0)
    model = LightGCN(corpus, dim=4, layers=2, readout=readout, layer0=layer0, noise=0.1)
    x = model(make_batch([[1], [2]]))
    first, second, third = x.layers
    expected = {
        "mean": (second + third) / 2,
        "sum": first + second + third,
        "last": third,
        "concat": torch.cat([first, second, third], dim=1),
    }
    torch.testing.assert_close(x.nodes, expected[readout])
    noise = (second - x.graph @ first)[1:USERS].norm(dim=1)
    torch.testing.assert_close(noise[noise > 0], torch.full_like(noise[noise > 0], 0.1))


def test_an_unknown_user_is_the_mean_of_the_items_in_her_past(corpus, make_batch):
    torch.manual_seed(0)
    model = LightGCN(corpus, dim=4, init_std=1.0)
    batch = make_batch([[1, 4, 4], [2], [], [3]])
    unknown = replace(batch, user=torch.tensor([0, 2, 0, 0]))
    x = model(unknown)
    wanted = [x.items[[1, 4, 4]].mean(0), x.nodes[2], torch.zeros(4), x.items[3]]
    torch.testing.assert_close(x.users, torch.stack(wanted))
