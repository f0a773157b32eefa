"""bootstrap_graph on two processes against one: its loss, gradients, and what its targets keep of a step."""

import subprocess
import sys
from functools import partial

import torch

from ssrec.models.lightgcn import LightGCN
from ssrec.models.with_predictor import WithPredictor
from ssrec.objectives.bootstrap_graph import BootstrapGraph
from ssrec.pretext.bootstrap_targets import History, Taught
from ssrec.pretext.teacher import Teacher

USERS, ITEMS = [1, 2, 1, 3, 1], [1, 3, 3, 5, 7]
TARGETS = {
    **{rows: partial(Taught, teacher=partial(Teacher, momentum=0.5), rows=rows) for rows in ("all", "batch")},
    "history": partial(History, momentum=0.5),
}

TWO = """
import sys
import torch, torch.distributed as dist

torch.set_num_threads(1)
rank, folder = int(sys.argv[1]), sys.argv[2]
sys.path[:0] = sys.argv[3:]
from test_bootstrap_graph_processes import stepped

dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
found = {}
for name, (trained, kept) in stepped(slice(0, 3) if rank == 0 else slice(3, 5)).items():  # uneven on purpose
    dist.all_reduce(trained)
    found[name] = trained / 2, kept
torch.save(found, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


def stepped(rows):
    """Of some of five edges: the loss and all gradients, and what the target holds after the step."""
    from edges import edges

    from ssrec.batch import Corpus

    corpus = Corpus(torch.tensor([1, 3, 7, 3, 5]), torch.tensor([0, 0, 3, 4, 5]), n_users=3, n_items=7)
    batch, found = edges(USERS[rows], ITEMS[rows]), {}
    for name, target in TARGETS.items():
        torch.manual_seed(0)
        encoder = WithPredictor(corpus, encoder=partial(LightGCN, dim=3, layers=2, init_std=1.0))
        objective = BootstrapGraph(encoder, corpus, target=target, edge_dropout=0.0, l2=0.3)
        loss = torch.stack(list(objective(encoder(batch)).values())).sum()
        loss.backward()
        trained = torch.cat([loss.detach()[None], *(p.grad.flatten() for p in encoder.parameters())])
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(1)
        objective.after_step(encoder)
        found[name] = trained, torch.cat([b.flatten() for b in objective.state_dict().values()])
    return found


def test_two_processes_step_as_one_does(tmp_path, request):
    script = [sys.executable, "-W", "error", "-c", TWO]
    places = [str(request.path.parent), str(request.path.parent.parent)]
    workers = [
        subprocess.Popen([*script, str(rank), str(tmp_path), *places], stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    errors = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    both = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    whole = stepped(slice(None))
    assert not torch.equal(whole["all"][1], whole["batch"][1])
    for name, one in whole.items():
        for found in both:
            torch.testing.assert_close(found[name], one, rtol=1e-4, atol=1e-5, msg=name)
