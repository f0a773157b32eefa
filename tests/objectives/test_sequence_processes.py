"""Objectives over sequences on two processes against one, users with rows on both included."""

from functools import partial

import torch
from two_processes import check_against_one, loss_and_gradient

from ssrec.batch import Corpus
from ssrec.data.rows import make_rows
from ssrec.models.sasrec import SASRec
from ssrec.models.table import IdSource, Table
from ssrec.objectives.denoise import Denoise
from ssrec.objectives.next_k_items import NextKItems
from ssrec.objectives.pseudo_label import PseudoLabel
from ssrec.pretext.teacher import Teacher
from ssrec.ranking_losses import Softmax
from ssrec.views.sequence import Mask

CORPUS = Corpus(
    torch.tensor([3, 1, 4, 5, 2, 6, 1, 3, 2, 2, 4]), torch.tensor([0, 0, 6, 9, 11]), n_users=3, n_items=7
)  # over windows of two inputs users 1, 2 and 3 have 3, 1 and 1 rows

MADE = {
    "next_k_items": ("window", partial(NextKItems, loss=Softmax, k=2, weights="reciprocal")),
    "next_k_items, prefix": ("prefix", partial(NextKItems, loss=Softmax)),
    "denoise": ("window", partial(Denoise, loss=Softmax, views={"mask": partial(Mask, rate=1.0)})),
    "pseudo_label": ("window", partial(PseudoLabel, loss=Softmax, teacher=Teacher, share=1.0)),
    "pseudo_label, half": ("window", partial(PseudoLabel, loss=Softmax, teacher=Teacher, share=0.5)),
}


def losses(share):
    """The losses of a share of the rows and the gradients of the item vectors; nothing in them is drawn."""
    found = {}
    for name, (kind, objective) in MADE.items():
        torch.manual_seed(0)
        encoder = SASRec(CORPUS, table=partial(Table, sources={"id": IdSource}), dim=8, layers=1, dropout=0.0)
        rows = make_rows(CORPUS, kind, 2)
        batch = rows.batch(torch.arange(len(rows)).flip(0)[share])  # user 1 stands in both shares
        (loss,) = objective(encoder, CORPUS)(encoder(batch)).values()
        found[name] = [loss_and_gradient(loss, encoder.table.get_parameter("sources.id.embedding.weight"))]
    return found


def test_two_processes_give_the_loss_and_gradient_of_one(tmp_path):
    for name, (found,) in losses(slice(None)).items():
        assert found[0] > 0, name
    check_against_one(losses, tmp_path)
