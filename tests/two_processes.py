"""What two processes find together of their shares of some rows, for tests that set it against one process.

A test's `work(share)` says by name what a share gives: a tensor that data-parallel training would average over
processes, and maybe others that every process must hold alike. As a script this is one of the two processes.
"""

import inspect
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

Work = Callable[[slice], Mapping[str, Sequence[Tensor]]]
SHARES = (slice(0, 3), slice(3, None))  # uneven on purpose, of five rows


def loss_and_gradient(loss: Tensor, *parameters: Tensor) -> Tensor:
    """Both in one vector."""
    loss.backward()
    return torch.cat([loss.detach()[None], *(p.grad.flatten() for p in parameters if p.grad is not None)])


def check_against_one(work: Work, folder: Path) -> None:
    """Whether each of two processes, whose shares of the rows `work` is called with, finds what one does."""
    here = Path(inspect.getfile(work))
    script = [sys.executable, "-W", "error", __file__, str(folder), str(here), work.__name__]
    workers = [subprocess.Popen([*script, str(rank)], stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
    errors = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    both = [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]
    for name, one in work(slice(None)).items():
        for found in both:
            torch.testing.assert_close(
                found[name], tuple(one), rtol=1e-4, atol=1e-5, msg=lambda said, name=name: f"{name}: {said}"
            )


def main(folder: str, file: str, work: str, rank: str) -> None:
    torch.set_num_threads(1)
    sys.path[:0] = [str(Path(file).parent), str(Path(__file__).parent)]
    made: Any = getattr(import_module(Path(file).stem), work)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=int(rank), world_size=2)
    found = {}
    for name, (averaged, *alike) in made(SHARES[int(rank)]).items():
        dist.all_reduce(averaged)
        found[name] = (averaged / 2, *alike)
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
