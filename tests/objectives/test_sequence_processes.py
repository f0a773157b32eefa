"""Objectives over sequences on two processes against one, users with rows on both included."""

import subprocess
import sys
from functools import partial

import torch

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

TWO = """
import sys
import torch, torch.distributed as dist

torch.set_num_threads(1)
rank, folder = int(sys.argv[1]), sys.argv[2]
sys.path[:0] = sys.argv[3:]
from test_sequence_processes import losses

dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
found = {}
for name, (loss, weight) in losses(rank, 2).items():
    loss.backward()
    both = torch.cat([loss.detach()[None], weight.grad.flatten()])
    dist.all_reduce(both)
    found[name] = both / 2
torch.save(found, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""

MADE = {
    "next_k_items": ("window", partial(NextKItems, loss=Softmax, k=2, weights="reciprocal")),
    "next_k_items, prefix": ("prefix", partial(NextKItems, loss=Softmax)),
    "denoise": ("window", partial(Denoise, loss=Softmax, views={"mask": partial(Mask, rate=1.0)})),
    "pseudo_label": ("window", partial(PseudoLabel, loss=Softmax, teacher=Teacher, share=1.0)),
    "pseudo_label, half": ("window", partial(PseudoLabel, loss=Softmax, teacher=Teacher, share=0.5)),
}


def losses(first: int, step: int):
    """The losses of every so manieth row, and the item vectors of each; nothing in them is drawn."""
    found = {}
    for name, (kind, objective) in MADE.items():
        torch.manual_seed(0)
        encoder = SASRec(CORPUS, table=partial(Table, sources={"id": IdSource}), dim=8, layers=1, dropout=0.0)
        rows = make_rows(CORPUS, kind, 2)
        batch = rows.batch(torch.arange(len(rows))[first::step])
        (loss,) = objective(encoder, CORPUS)(encoder(batch)).values()
        found[name] = loss, encoder.table.get_parameter("sources.id.embedding.weight")
    return found


def test_two_processes_give_the_loss_and_gradient_of_one(tmp_path, request):
    script = [sys.executable, "-W", "error", "-c", TWO]
    workers = [
        subprocess.Popen(
            [*script, str(rank), str(tmp_path), str(request.path.parent)], stderr=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]
    errors = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    for name, (loss, weight) in losses(0, 1).items():
        loss.backward()
        assert loss > 0, name
        one = torch.cat([loss.detach()[None], weight.grad.flatten()])
        for rank in (0, 1):
            torch.testing.assert_close(
                torch.load(tmp_path / f"{rank}.pt")[name], one, msg=lambda m, n=name: f"{n}: {m}"
            )
