"""BagLinear against dense products."""

import pytest
import torch

from ssrec.bag_linear import BagLinear
from ssrec.batch import Ragged
from ssrec.errors import CompositionError

BAGS = Ragged(torch.tensor([1, 3, 2]), torch.tensor([0, 2, 2, 3]))
DENSE = torch.tensor([[0.0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]])


def build(**settings):
    torch.manual_seed(0)
    layer = BagLinear("model", 4, 5, **settings)
    torch.nn.init.normal_(layer.bias)
    return layer


def test_it_is_the_dense_product():
    layer = build()
    torch.testing.assert_close(layer(BAGS), DENSE @ layer.weight + layer.bias)


def test_a_normalised_bag_has_length_one():
    layer = build(normalise=True)
    unit = DENSE / DENSE.norm(dim=1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(layer(BAGS), unit @ layer.weight + layer.bias)


def test_dropout_leaves_out_items_and_raises_the_others():
    layer = build(dropout=0.75)
    many = BAGS.select(torch.full((400,), 2))
    kept = (layer(many) - layer.bias) / layer.weight[2]
    assert set(kept.round().unique().tolist()) == {0.0, 4.0}
    assert 60 < int((kept[:, 0] > 1).sum()) < 140
    layer.eval()
    torch.testing.assert_close(layer(BAGS), DENSE @ layer.weight + layer.bias)


def test_a_probability_of_one_is_refused():
    with pytest.raises(CompositionError, match="model: dropout=1"):
        build(dropout=1.0)
