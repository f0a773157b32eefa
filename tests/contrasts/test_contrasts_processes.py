"""Contrasts over two processes against one."""

import subprocess
import sys

import torch

from ssrec.contrasts.align_uniform import AlignUniform
from ssrec.contrasts.barlow import Barlow
from ssrec.contrasts.debiased import Debiased
from ssrec.contrasts.info_nce import InfoNCE
from ssrec.contrasts.vicreg import VICReg

CONTRASTS = {
    "info_nce": InfoNCE(false_negatives="mask"),
    "one_sided": InfoNCE(negatives="one_sided", false_negatives="mask"),
    "debiased": Debiased(false_negatives="mask"),
    "barlow": Barlow(),
    "vicreg": VICReg(),
    "align_uniform": AlignUniform(false_negatives="mask"),
}
TARGETS = [3, 7, 3, 7, 3]

TWO = """
import sys
import torch, torch.distributed as dist

torch.set_num_threads(1)
rank, folder = int(sys.argv[1]), sys.argv[2]
sys.path.insert(0, sys.argv[3])
from test_contrasts_processes import CONTRASTS, losses

dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
mine = slice(0, 3) if rank == 0 else slice(3, 5)  # uneven on purpose
found = {}
for name in CONTRASTS:
    weight = torch.eye(3, requires_grad=True)  # what data-parallel training would average the gradient of
    loss = losses(name, weight, mine)
    loss.backward()
    both = torch.cat([loss.detach()[None], weight.grad.flatten()])
    dist.all_reduce(both)
    found[name] = both / 2
torch.save(found, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


def losses(name, weight, rows):
    """The loss of some of five rows, whose vectors are multiplied by `weight`."""
    from ssrec.batch import Batch
    from ssrec.contrasts.contrast import same_target

    views = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    row, target = torch.arange(5)[rows], torch.tensor(TARGETS)[rows, None]
    same = same_target(Batch(row, row, target, target)) if CONTRASTS[name].false_negatives == "mask" else None
    first, second = (view[rows] @ weight for view in views)
    return torch.stack(list(CONTRASTS[name](first, second, same).values())).sum()


def test_two_processes_give_the_loss_and_gradient_of_one(tmp_path, request):
    script = [sys.executable, "-W", "error", "-c", TWO]
    here = str(request.path.parent)
    workers = [
        subprocess.Popen([*script, str(rank), str(tmp_path), here], stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    errors = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    for name in CONTRASTS:
        weight = torch.eye(3, requires_grad=True)
        loss = losses(name, weight, slice(None))
        loss.backward()
        assert weight.grad is not None
        expected = torch.cat([loss.detach()[None], weight.grad.flatten()])
        for rank in (0, 1):
            found = torch.load(tmp_path / f"{rank}.pt")[name]
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5, msg=f"{name}: {found} and {expected}")
