"""Objectives over edges on two processes against one: what is no sum over rows must see the rows of both."""

import subprocess
import sys

import torch

from ssrec.contrasts.align_uniform import AlignUniform
from ssrec.objectives.bsl import BSL
from ssrec.objectives.contrast_edge import ContrastEdge
from ssrec.pretext.edges import edge_l2, edge_vectors

USERS, ITEMS = [1, 2, 1, 3, 1], [1, 3, 3, 5, 7]

TWO = """
import sys
import torch, torch.distributed as dist

torch.set_num_threads(1)
rank, folder = int(sys.argv[1]), sys.argv[2]
sys.path[:0] = sys.argv[3:]
from test_edges_processes import losses

dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
found = {}
for name, (loss, free) in losses(slice(0, 3) if rank == 0 else slice(3, 5)).items():  # uneven on purpose
    loss.backward()
    both = torch.cat([loss.detach()[None], free.grad.flatten()])
    dist.all_reduce(both)
    found[name] = both / 2
torch.save(found, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


def losses(rows):
    """The losses of some of five edges, and the parameter of each."""
    from edges import Nodes, edges

    from ssrec.batch import Corpus

    corpus = Corpus(torch.tensor([1, 3, 7, 3, 5]), torch.tensor([0, 0, 3, 4, 5]), n_users=3, n_items=7)
    batch = edges(USERS[rows], ITEMS[rows])

    def made(objective):
        torch.manual_seed(0)
        encoder = Nodes(corpus)
        return torch.stack(list(objective(encoder, corpus)(encoder(batch)).values())).sum(), encoder.free

    def norms(form, reduction):
        torch.manual_seed(0)
        encoder = Nodes(corpus)
        x = encoder(batch)
        return edge_l2(form, edge_vectors(x, x.layers[0]), edge_vectors(x, x.nodes), reduction), encoder.free

    found = {f"{p} {f}": made(lambda e, c, p=p, f=f: BSL(e, c, positives=p, false_negatives=f, l2=0.3))
             for p in ("user", "edge") for f in ("keep", "mask")}  # fmt: skip
    found["contrast_edge"] = made(lambda e, c: ContrastEdge(e, c, contrast=AlignUniform(false_negatives="mask")))
    return found | {f"{f} {r}": norms(f, r) for f in ("lightgcn", "recbole", "selfrec") for r in ("mean", "sum")}


def test_two_processes_give_the_loss_and_gradient_of_one(tmp_path, request):
    script = [sys.executable, "-W", "error", "-c", TWO]
    places = [str(request.path.parent), str(request.path.parent.parent)]
    workers = [
        subprocess.Popen([*script, str(rank), str(tmp_path), *places], stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    errors = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    both = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    for name, (loss, free) in losses(slice(None)).items():
        loss.backward()
        expected = torch.cat([loss.detach()[None], free.grad.flatten()])
        for found in both:
            torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-5, msg=name)
