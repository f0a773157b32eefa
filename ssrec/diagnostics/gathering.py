"""Evaluation rows of all batches and all processes, in the order of the split."""

from typing import Any, TypeVar, final

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import PAD, Batch, Ragged
from ssrec.distributed import distributed

T = TypeVar("T")


@final
class Gathering:
    """Collects vectors of evaluation rows by name, and what the rows ask for; on the CPU."""

    def __init__(self) -> None:
        self._rows: list[Tensor] = []
        self._vectors: dict[str, list[Tensor]] = {}
        self._lengths: list[Tensor] = []
        self._targets: list[Tensor] = []

    def add(self, batch: Batch, vectors: dict[str, Float[Tensor, "B _"]]) -> None:
        """The rows of one batch; every batch has vectors of the same names."""
        asked = batch.target != PAD
        self._rows.append(batch.rows.cpu())
        self._lengths.append(asked.sum(1).cpu())
        self._targets.append(batch.target[asked].cpu())
        for name, x in vectors.items():
            self._vectors.setdefault(name, []).append(x.float().cpu())

    def result(self) -> tuple[dict[str, Float[Tensor, "R _"]], Ragged]:
        """Vectors by name and targets, a row each, the same on all processes; no name where there were no rows."""
        mine = [self._rows, self._vectors, self._lengths, self._targets]
        parts: list[Any] = [mine]
        if distributed():
            parts = [None] * dist.get_world_size()
            dist.all_gather_object(parts, mine)
        names = list(dict.fromkeys(name for part in parts for name in part[1]))
        if not names:
            nothing = torch.zeros(0, dtype=torch.long)
            return {}, Ragged(nothing, nothing.new_zeros(1))
        rows = torch.cat([rows for part in parts for rows in part[0]])
        order = rows.argsort()
        vectors = {name: torch.cat([x for part in parts for x in part[1].get(name, ())])[order] for name in names}
        return vectors, _ragged([n for part in parts for n in part[2]], [t for part in parts for t in part[3]], order)


def from_first(found: T) -> T:
    """What the first process found, on all of them."""
    if not distributed():
        return found
    shared = [found]
    dist.broadcast_object_list(shared, src=0)
    return shared[0]


def _ragged(lengths: list[Tensor], values: list[Tensor], order: Int[Tensor, "R"]) -> Ragged:
    offsets = torch.cat([order.new_zeros(1), torch.cat(lengths).cumsum(0)])
    return Ragged(torch.cat(values), offsets).select(order)
