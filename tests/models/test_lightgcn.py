"""LightGCN against the dense matrix formula, with its gradient."""

from dataclasses import replace

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.models.encoder import GraphEncoding
from ssrec.models.lightgcn import LightGCN

USERS, ITEMS = 7, 10


def dense(histories, start, layers):
    """The mean of A^l E for the normalised adjacency A, built one edge at a time."""
    a = torch.zeros(USERS + ITEMS, USERS + ITEMS)
    for user, row in enumerate(histories):
        for item in row:
            a[user, USERS + item] = a[USERS + item, user] = 1
    scale = a.sum(1).clamp(min=1).rsqrt()
    a = scale[:, None] * a * scale
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


def test_evaluation_propagates_once(corpus, make_batch):
    torch.manual_seed(0)
    model = LightGCN(corpus, dim=4)
    batch = make_batch([[1], [2]])
    shared = model.shared()
    encoding = model(batch, shared)
    assert encoding.nodes is shared[1] and encoding.layers is shared[0]
    assert torch.equal(encoding.scores(), model(batch).scores())


def test_the_graph_is_not_saved(corpus):
    assert set(LightGCN(corpus).state_dict()) == {"embedding.weight"}


def test_propagation_is_exact_under_autocast(corpus, make_batch):
    torch.manual_seed(0)
    model = LightGCN(corpus, dim=4)
    batch = make_batch([[1], [2]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        nodes = model(batch).nodes
    assert torch.equal(nodes, model(batch).nodes)


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="layers=-1"):
        LightGCN(corpus, layers=-1)


def test_an_unknown_user_is_the_mean_of_the_items_in_her_past(corpus, make_batch):
    torch.manual_seed(0)
    model = LightGCN(corpus, dim=4, init_std=1.0)
    batch = make_batch([[1, 4, 4], [2], [], [3]])
    unknown = replace(batch, user=torch.tensor([0, 2, 0, 0]))
    x = model(unknown)
    wanted = [x.items[[1, 4, 4]].mean(0), x.nodes[2], torch.zeros(4), x.items[3]]
    torch.testing.assert_close(x.users, torch.stack(wanted))
