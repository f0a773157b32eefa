"""NGCF against a loop over nodes and their neighbours."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from ssrec.errors import CompositionError
from ssrec.models.ngcf import NGCF

USERS, ITEMS = 7, 10


def near_of(histories):
    """The neighbours of every node."""
    near = [set() for _ in range(USERS + ITEMS)]
    for user, row in enumerate(histories):
        for item in row:
            near[user].add(USERS + item)
            near[USERS + item].add(user)
    return near


def linears(modules):
    return [module for module in modules if isinstance(module, nn.Linear)]


def test_layers_are_the_sums_of_messages(corpus, histories, make_batch):
    torch.manual_seed(0)
    model = NGCF(corpus, dim=4, layers=2, dropout=0.5).eval()
    for linear in (*linears(model.sums), *linears(model.products)):
        nn.init.normal_(linear.bias)
    sums, products = linears(model.sums), linears(model.products)
    x, near = model(make_batch([[1], [2]])), near_of(histories)
    e = model.embedding.weight
    for number in range(2):
        first, second, after = sums[number], products[number], []
        for node in range(USERS + ITEMS):
            message = first(e[node])  # to itself; biases once
            for other in near[node]:
                norm = (len(near[node]) * len(near[other])) ** -0.5
                message = message + norm * (first.weight @ e[other] + second.weight @ (e[other] * e[node]))
            after.append(F.leaky_relu(message + second.bias, 0.2))
        e = torch.stack(after)
        assert_close(x.layers[number + 1], e, rtol=1e-4, atol=1e-5)
    unit = [layer / layer.norm(dim=1, keepdim=True).clamp(min=1e-12) for layer in x.layers[1:]]
    assert_close(x.nodes, torch.cat([x.layers[0], *unit], dim=1))


def test_dropout_is_in_training_alone(corpus, make_batch):
    torch.manual_seed(0)
    model, batch = NGCF(corpus, dim=16, dropout=0.5), make_batch([[1]])
    zeros = (model(batch).layers[1][1] == 0).float().mean()
    assert 0 < zeros < 1
    assert not torch.equal(model(batch).nodes, model(batch).nodes)
    model.eval()
    assert torch.equal(model(batch).nodes, model(batch).nodes)


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match=r"ngcf: dropout=1\.0"):
        NGCF(corpus, dropout=1.0)
    with pytest.raises(CompositionError, match="ngcf: layers=-1"):
        NGCF(corpus, layers=-1)
