"""svd against numpy's decomposition of the dense matrix."""

import numpy as np
import pytest
import torch
from dense_graphs import dense

from ssrec.errors import CompositionError
from ssrec.models.lightgcn import LightGCN
from ssrec.pretext.quiet_pass import quiet_pass
from ssrec.views.graph.svd import SVDView


@pytest.mark.parametrize("readout", ["sum", "mean"])
def test_layers_are_those_of_the_own_pass_through_the_largest_triplets(corpus, readout):
    torch.manual_seed(0)
    x = quiet_pass(LightGCN(corpus, dim=4, layers=3, init_std=1.0, readout=readout))
    matrix = dense(x.graph)[:6, 6:].double().numpy()
    left, values, right = np.linalg.svd(matrix)
    near = torch.from_numpy(left[:, :2] * values[:2] @ right[:2]).float()
    layers = [x.layers[0]]
    for own in x.layers[:-1]:  # and not the view's own last one
        layers.append(torch.cat([near @ own[6:], near.T @ own[:6]]))
    total = torch.stack(layers).sum(0)
    torch.testing.assert_close(SVDView(corpus, rank=2)(x), total if readout == "sum" else total / 4)


def test_all_triplets_are_the_graph_itself(corpus, x):
    torch.testing.assert_close(SVDView(corpus, rank=99)(x), x.nodes)


def test_it_is_in_fp32_also_in_half(corpus, x):
    view = SVDView(corpus, rank=2)
    expected = view(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(view(x), expected)


def test_a_rank_that_is_not_positive_is_refused(corpus):
    with pytest.raises(CompositionError, match="rank=0"):
        SVDView(corpus, rank=0)
