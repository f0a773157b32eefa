"""predict_bag against a loop over bags."""

import math

import pytest
import torch
from torch import nn

from ssrec.batch import Batch
from ssrec.encodings.bag import BagEncoding
from ssrec.encodings.encoding import Lazy
from ssrec.models.encoder import Encoder
from ssrec.objectives.predict_bag import PredictBag


class Free(Encoder):
    """A vector per user and per item."""

    def __init__(self, corpus):
        super().__init__(corpus)
        self.of_users = nn.Parameter(torch.randn(corpus.user_rows, 3))
        self.of_items = nn.Parameter(torch.randn(corpus.item_rows, 3))

    def forward(self, batch: Batch, shared: object = None) -> BagEncoding:
        return BagEncoding(batch, batch.seen, Lazy(lambda: self.of_users[batch.user]), Lazy(lambda: self.of_items))


def rows(corpus, users):
    user = torch.tensor(users, dtype=torch.long)
    nothing = user.new_zeros(len(user), 0)
    return Batch(user, user, nothing, nothing, seen=corpus.history.select(user), kind="history")


@pytest.mark.parametrize("loss", ["multinomial", "sigmoid"])
def test_the_part_equals_the_loop(corpus, loss):
    torch.manual_seed(0)
    encoder = Free(corpus)
    parts = PredictBag(encoder, corpus, loss=loss)(encoder(rows(corpus, [2, 1, 3])))
    total = 0.0
    for user, bag in zip([2, 1, 3], [{4, 5, 6, 7}, {1, 2, 3}, {5}], strict=True):
        scores = (encoder.of_items @ encoder.of_users[user]).tolist()
        mass = sum(math.exp(s) for s in scores[1:])  # row 0 is padding
        for item in range(1, len(scores)):
            chance = math.exp(scores[item]) / mass if loss == "multinomial" else 1 / (1 + math.exp(-scores[item]))
            if item in bag:
                total -= math.log(chance)
            elif loss == "sigmoid":
                total -= math.log(1 - chance)
    assert list(parts) == ["predict_bag"]
    assert parts["predict_bag"].item() == pytest.approx(total / 3, rel=1e-5)
    parts["predict_bag"].backward()
    assert all(p.grad.abs().sum() > 0 for p in encoder.parameters())


@pytest.mark.parametrize("loss", ["multinomial", "sigmoid"])
def test_no_rows_cost_nothing(corpus, loss):
    encoder = Free(corpus)
    (part,) = PredictBag(encoder, corpus, loss=loss)(encoder(rows(corpus, []))).values()
    part.backward()
    assert part == 0
