"""random_walk against a pass whose steps run over different dense matrices."""

import torch
from dense_graphs import dense

from ssrec.views.graph.random_walk import RandomWalk


def test_each_step_drops_other_edges(corpus, x):
    view = RandomWalk(corpus, rate=0.4)
    torch.manual_seed(3)
    nodes = view(x)
    torch.manual_seed(3)
    matrices = [dense(graph) for graph in view.dropped(x)]
    assert len(matrices) == 3 and not torch.equal(matrices[0] > 0, matrices[1] > 0)
    assert all(int((matrix > 0).sum()) == 2 * (18 - 7) for matrix in matrices)
    layers = [x.layers[0]]
    for matrix in matrices:
        layers.append(matrix @ layers[-1])
    torch.testing.assert_close(nodes, torch.stack(layers).mean(0))
