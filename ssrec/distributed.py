"""What the processes of a run have together."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Shaped
from torch import Tensor


def distributed() -> bool:
    return dist.is_available() and dist.is_initialized()


def of_all(own: Shaped[Tensor, "r C"]) -> tuple[Shaped[Tensor, "R C"], int]:
    """The rows of all processes in order of rank, without gradients, and where one's own rows start."""
    if not distributed():
        return own, 0
    size = torch.tensor([len(own)], device=own.device)
    sizes = [torch.empty_like(size) for _ in range(dist.get_world_size())]
    dist.all_gather(sizes, size)
    lengths = [int(s) for s in sizes]
    # all_gather wants equal shapes, and rows may be split unevenly
    padded = F.pad(own, (0, 0, 0, max(lengths) - len(own))).contiguous()
    parts = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(parts, padded)
    rows = torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])
    return rows, sum(lengths[: dist.get_rank()])
