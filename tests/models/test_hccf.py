"""HCCF against dense matrices."""

import pytest
import torch
from dense_graphs import adjacency, normalise
from torch.testing import assert_close

from ssrec.errors import CompositionError
from ssrec.models.hccf import HCCF

USERS, ITEMS = 7, 10


def test_a_step_adds_up_neighbours_and_hyperedges(corpus, histories, make_batch):
    torch.manual_seed(0)
    model = HCCF(corpus, dim=4, layers=2, hyperedges=3, dropout=0.5).eval()
    x, a, start = model(make_batch([[1], [2]])), normalise(adjacency(histories, ITEMS)), model.embedding.weight
    hyper = torch.zeros(USERS + ITEMS, USERS + ITEMS)  # through which hyperedges nodes reach each other
    for rows, linear in ((range(USERS), model.of_users), (range(USERS, USERS + ITEMS), model.of_items)):
        h = {row: linear.weight @ start[row] for row in rows}
        for one in rows:
            for other in rows:
                hyper[one, other] = h[one] @ h[other]
    e = start
    for number in range(2):
        near, through = x.branches[number]
        assert_close(near, a @ e)
        assert_close(through, hyper @ e)
        e = a @ e + hyper @ e
        assert_close(x.layers[number + 1], e)
    assert_close(x.nodes, x.layers[0] + x.layers[1] + x.layers[2])


def test_entries_drop_out_in_training_and_the_others_make_up_for_them(corpus, make_batch):
    torch.manual_seed(0)
    model, batch = HCCF(corpus, dim=4, layers=1, hyperedges=3, dropout=0.25), make_batch([[1]])
    torch.nn.init.normal_(model.embedding.weight)
    clean = model.eval()(batch).branches[0]
    model.train()
    draws = [model(batch).branches[0] for _ in range(400)]
    assert not torch.equal(draws[0][0], draws[1][0]) and not torch.equal(draws[0][1], draws[1][1])
    near = torch.stack([draw[0] for draw in draws]).mean(0)
    assert_close(near, clean[0], rtol=0.1, atol=0.25)


def test_the_gradient_is_that_of_the_entries_that_were_drawn(corpus, make_batch):
    torch.manual_seed(0)
    model = HCCF(corpus, dim=2, layers=1, hyperedges=3, dropout=0.5)
    x = torch.randn(USERS + ITEMS, 2, requires_grad=True)
    torch.manual_seed(3)
    model.step(1, x, model.graph)[0].sum().backward()
    columns = []
    for node in range(USERS + ITEMS):  # the drawn matrix, a column at a time
        one = torch.zeros(USERS + ITEMS, 2)
        one[node] = 1
        torch.manual_seed(3)
        columns.append(model.step(1, one, model.graph)[0].detach()[:, 0])
    drawn = torch.stack(columns, dim=1)
    assert not torch.equal(drawn, drawn.T)
    assert_close(x.grad, drawn.T.sum(1, keepdim=True).expand(-1, 2))


def test_settings_out_of_range_are_refused(corpus):
    for name, value in {"hyperedges": 0, "layers": 0, "dropout": 1.0}.items():
        with pytest.raises(CompositionError, match=f"hccf: {name}={value}"):
            HCCF(corpus, **{name: value})
