"""Objectives over edges on two processes against one: what is no sum over rows must see the rows of both."""

import torch
from two_processes import check_against_one, loss_and_gradient

from ssrec.contrasts.align_uniform import AlignUniform
from ssrec.objectives.bsl import BSL
from ssrec.objectives.contrast_edge import ContrastEdge
from ssrec.pretext.edges import edge_l2, edge_vectors

USERS, ITEMS = [1, 2, 1, 3, 1], [1, 3, 3, 5, 7]


def losses(rows):
    """The losses of some of five edges and the gradients of the parameter."""
    from edges import Nodes, edges

    from ssrec.batch import Corpus

    corpus = Corpus(torch.tensor([1, 3, 7, 3, 5]), torch.tensor([0, 0, 3, 4, 5]), n_users=3, n_items=7)
    batch = edges(USERS[rows], ITEMS[rows])

    def made(objective):
        torch.manual_seed(0)
        encoder = Nodes(corpus)
        parts = objective(encoder, corpus)(encoder(batch))
        return [loss_and_gradient(torch.stack(list(parts.values())).sum(), encoder.free)]

    def norms(form, reduction):
        torch.manual_seed(0)
        encoder = Nodes(corpus)
        x = encoder(batch)
        norm = edge_l2(form, edge_vectors(x, x.layers[0]), edge_vectors(x, x.nodes), reduction)
        return [loss_and_gradient(norm, encoder.free)]

    found = {f"{p} {f}": made(lambda e, c, p=p, f=f: BSL(e, c, positives=p, false_negatives=f, l2=0.3))
             for p in ("user", "edge") for f in ("keep", "mask")}  # fmt: skip
    found["contrast_edge"] = made(lambda e, c: ContrastEdge(e, c, contrast=AlignUniform(false_negatives="mask")))
    return found | {f"{f} {r}": norms(f, r) for f in ("lightgcn", "recbole", "selfrec") for r in ("mean", "sum")}


def test_two_processes_give_the_loss_and_gradient_of_one(tmp_path):
    check_against_one(losses, tmp_path)
