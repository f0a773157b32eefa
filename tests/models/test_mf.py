"""Matrix factorisation against products of its own vectors."""

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.models.lightgcn import LightGCN
from ssrec.models.mf import MF

USERS = 7


def test_it_is_the_dot_product_of_free_vectors(corpus, make_batch):
    torch.manual_seed(0)
    model = MF(corpus, dim=4, init_std=1.0)
    x = model(make_batch([[1], [2]]))
    vectors = model.embedding.weight
    assert x.nodes is vectors and len(x.layers) == 1
    torch.testing.assert_close(x.scores(), vectors[[1, 2]] @ vectors[USERS:].T)
    dropped = x.graph.keep_edges(torch.zeros(x.graph.n_edges, dtype=torch.bool))
    assert x.view(dropped).nodes is vectors


def test_it_is_lightgcn_of_no_step(corpus, make_batch):
    torch.manual_seed(0)
    model = MF(corpus, dim=4)
    torch.manual_seed(0)
    other = LightGCN(corpus, dim=4, layers=0)
    batch = make_batch([[1], [2]])
    assert torch.equal(model(batch).scores(), other(batch).scores())
    assert model.state_dict().keys() == other.state_dict().keys()


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="mf: dim=0"):
        MF(corpus, dim=0)
