"""The vectors of edges; their L2 forms are tested with bpr, and over two processes with the objectives over edges."""

import torch
from edges import Nodes, edges

from ssrec.batch import Corpus
from ssrec.pretext.edges import edge_vectors


def test_a_row_for_each_end_in_fp32():
    corpus = Corpus(torch.tensor([1, 2]), torch.tensor([0, 0, 1, 2]), n_users=2, n_items=3)
    encoder = Nodes(corpus)
    x = encoder(edges([2, 1, 2], [1, 2, 3]))
    user, item = edge_vectors(x, encoder.free.bfloat16())
    assert user.dtype == item.dtype == torch.float32
    torch.testing.assert_close(user, encoder.free[[2, 1, 2]].bfloat16().float())
    torch.testing.assert_close(item, encoder.free[[4, 5, 6]].bfloat16().float())
