"""contrast_edge with DirectAU's formula, by a loop over pairs, and with what other contrasts are told."""

import math
from itertools import combinations

import pytest
import torch
from edges import Nodes, cosine, edges

from ssrec.contrasts.align_uniform import AlignUniform
from ssrec.contrasts.info_nce import InfoNCE
from ssrec.objectives.contrast_edge import ContrastEdge
from ssrec.runs import read
from ssrec.train import train

USERS, ITEMS = [1, 1, 2, 3], [1, 3, 3, 5]  # user 1 and item 3 stand twice


def vectors(encoder, corpus):
    nodes = encoder(edges([], [])).nodes.detach()
    return [nodes[u] for u in USERS], [nodes[i + corpus.user_rows] for i in ITEMS]


def test_align_uniform_is_directau_with_duplicates_kept(corpus):
    encoder = Nodes(corpus)
    parts = ContrastEdge(encoder, corpus, contrast=AlignUniform(weight=0.7))(encoder(edges(USERS, ITEMS)))
    users, items = vectors(encoder, corpus)

    def squared(a, b):
        return 2 - 2 * cosine(a, b)

    def uniformity(side):
        pairs = [math.exp(-2 * squared(a, b)) for a, b in combinations(side, 2)]
        return math.log(sum(pairs) / len(pairs))

    alignment = sum(squared(u, i) for u, i in zip(users, items, strict=True)) / 4
    assert parts["alignment"].item() == pytest.approx(alignment, rel=1e-5)
    both = uniformity(users) + uniformity(items)
    assert parts["uniformity"].item() == pytest.approx(0.7 * both / 2, rel=1e-5)
    sum(parts.values()).backward()
    assert encoder.free.grad.abs().sum() > 0


@pytest.mark.parametrize("false_negatives", ["keep", "mask"])
def test_info_nce_is_the_softmax_over_the_items_of_the_batch(corpus, false_negatives):
    encoder = Nodes(corpus)
    contrast = InfoNCE(negatives="one_sided", false_negatives=false_negatives)
    (found,) = ContrastEdge(encoder, corpus, contrast=contrast)(encoder(edges(USERS, ITEMS))).values()
    users, items = vectors(encoder, corpus)
    total = 0.0
    for row, user in enumerate(users):
        mask = false_negatives == "mask"
        counted = [c for c in range(4) if c == row or not (mask and ITEMS[c] == ITEMS[row])]
        total += math.log(sum(math.exp(float(user @ items[c])) for c in counted)) - float(user @ items[row])
    assert found.item() == pytest.approx(total / 4, rel=1e-5)


def test_no_edges_cost_nothing(corpus):
    encoder = Nodes(corpus)
    total = sum(ContrastEdge(encoder, corpus, contrast=AlignUniform())(encoder(edges([], []))).values())
    total.backward()
    assert total == 0 and (encoder.free.grad == 0).all()
    assert torch.isfinite(
        sum(ContrastEdge(encoder, corpus, contrast=AlignUniform())(encoder(edges([1], [2]))).values())
    )


def test_nothing_is_said_of_lengths_that_edges_do_not_have(tiny):
    result = read(train(tiny("model=lightgcn", "model.dim=8", "objective=[contrast_edge]", "debug=fast")))
    assert "contrast by length" not in result["warnings"]
