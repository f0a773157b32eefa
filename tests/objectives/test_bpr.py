"""bpr against a loop over edges and the negatives that it drew."""

import math

import pytest
import torch
from torch import nn

from ssrec.batch import Batch
from ssrec.errors import CompositionError
from ssrec.models.encoder import Encoder, GraphEncoding, Lazy
from ssrec.objectives.bpr import BPR


class Nodes(Encoder):
    def __init__(self, corpus):
        super().__init__(corpus)
        self.user_rows = corpus.user_rows
        self.free = nn.Parameter(torch.randn(corpus.user_rows + corpus.item_rows, 3))

    def forward(self, batch: Batch, shared: object = None) -> GraphEncoding:
        layers = Lazy(lambda: [self.free, self.free.flip(0) * 2])
        return GraphEncoding(batch, layers, Lazy(lambda: sum(layers()) / 2), user_rows=self.user_rows)


@pytest.fixture
def edges():
    user, item = torch.tensor([1, 1, 2, 3]), torch.tensor([1, 3, 7, 5])
    return Batch(torch.arange(4), user, user.new_zeros(4, 0), item[:, None], kind="edge")


def test_parts_equal_the_loop(corpus, edges):
    torch.manual_seed(0)
    encoder = Nodes(corpus)
    objective = BPR(encoder, corpus, l2=0.3)
    x = encoder(edges)
    torch.manual_seed(7)
    parts = objective(x)
    torch.manual_seed(7)
    negatives = objective.unmet(edges.user).tolist()
    nodes, free = x.nodes.detach(), encoder.free.detach()
    ranking = norms = 0.0
    for u, i, j in zip(edges.user.tolist(), edges.target[:, 0].tolist(), negatives, strict=True):
        i, j = i + corpus.user_rows, j + corpus.user_rows
        difference = float(nodes[u] @ nodes[i] - nodes[u] @ nodes[j])
        ranking += -math.log(1 / (1 + math.exp(-difference)))
        norms += sum(float(free[n].norm()) ** 2 for n in (u, i, j))
    assert list(parts) == ["bpr", "l2"]
    assert parts["bpr"].item() == pytest.approx(ranking / 4, rel=1e-5)
    assert parts["l2"].item() == pytest.approx(0.3 * 0.5 * norms / 4, rel=1e-5)
    sum(parts.values()).backward()
    assert encoder.free.grad.abs().sum() > 0


def test_no_edges_cost_nothing(corpus, edges):
    encoder = Nodes(corpus)
    none = Batch(edges.rows[:0], edges.user[:0], edges.items[:0], edges.target[:0], kind="edge")
    total = sum(BPR(encoder, corpus)(encoder(none)).values())
    total.backward()
    assert total == 0 and (encoder.free.grad == 0).all()


def test_its_samplers_do_not_enter_checkpoints(corpus):
    assert not BPR(Nodes(corpus), corpus).state_dict()


def test_a_negative_l2_is_refused(corpus):
    with pytest.raises(CompositionError, match="l2=-1"):
        BPR(Nodes(corpus), corpus, l2=-1.0)
