"""node_drop against the edges between the nodes that are left."""

import torch
from dense_graphs import dense

from ssrec.views.graph.node_drop import NodeDrop


def test_nodes_go_with_all_their_edges(corpus, x, histories):
    """Of 5 users 2 go, of 9 items 3: which, is read off the draws."""
    view = NodeDrop(corpus, rate=0.4)
    torch.manual_seed(3)
    left = dense(view.dropped(x)) > 0
    torch.manual_seed(3)
    users, items = torch.randperm(5)[:2] + 1, torch.randperm(9)[:3] + 1
    expected = torch.zeros_like(left)
    for user, row in enumerate(histories):
        for item in row:
            if user not in users and item not in items:
                expected[user, 6 + item] = expected[6 + item, user] = True
    assert torch.equal(left, expected)


def test_a_dropped_node_keeps_its_own_vector(corpus, x):
    nodes = NodeDrop(corpus, rate=0.999)(x)  # 4 of 5 users, 8 of 9 items
    torch.testing.assert_close(nodes[6 + 9], x.layers[0][6 + 9] / 4)
    assert int(torch.isclose(nodes, x.layers[0] / 4).all(1).sum()) >= 12
