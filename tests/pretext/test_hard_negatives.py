"""Which of the drawn negatives are taken."""

import torch
from edges import Nodes, edges

from ssrec.batch import Corpus
from ssrec.pretext.hard_negatives import hardest, mixed


def test_the_hardest_is_the_candidate_of_the_highest_score():
    nodes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, -9.0]])
    users, candidates = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True), torch.tensor([[1, 2, 3], [3, 1, 1]])
    found = hardest(users, nodes, candidates)
    assert found.tolist() == [3, 1] and not found.requires_grad


def test_a_mix_lies_between_the_positive_and_one_candidate_of_each_layer():
    torch.manual_seed(0)
    corpus = Corpus(torch.tensor([1, 2]), torch.tensor([0, 0, 1, 2]), n_users=2, n_items=6)
    x = Nodes(corpus)(edges([1, 2], [1, 2]))
    positive, candidates = torch.tensor([4, 5]), torch.tensor([[6, 7, 8], [7, 8, 9]])
    for layer, made in zip(x.layers, mixed(x, positive, candidates), strict=True):
        for row in range(2):
            away = made[row] - layer[candidates[row]]
            across = layer[positive[row]] - layer[candidates[row]]
            shares = (away * across).sum(1) / across.square().sum(1)
            fits = (away - shares[:, None] * across).norm(dim=1) < 1e-5
            chosen = (x.nodes[row + 1] @ layer[candidates[row]].T).argmax()
            assert fits[chosen] and 0 < shares[chosen] < 1
