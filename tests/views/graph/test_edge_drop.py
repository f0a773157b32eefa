"""edge_drop against a pass over the dense matrix of what is left."""

import torch
from dense_graphs import dense

from ssrec.views.graph.edge_drop import EdgeDrop


def test_a_share_of_edges_is_gone_in_both_directions(corpus, x):
    left = dense(EdgeDrop(corpus, rate=0.4).dropped(x)) > 0
    assert x.graph.n_edges == 18
    assert int(left.sum()) == 2 * (18 - 7)  # floor(.4 * 18) = 7


def test_all_steps_run_over_the_same_graph(corpus, x):
    view = EdgeDrop(corpus, rate=0.4)
    torch.manual_seed(3)
    nodes = view(x)
    torch.manual_seed(3)
    matrix, layers = dense(view.dropped(x)), [x.layers[0]]
    for _ in range(3):
        layers.append(matrix @ layers[-1])
    torch.testing.assert_close(nodes, torch.stack(layers).mean(0))
