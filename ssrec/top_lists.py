"""The ranked lists of a test, stored for other judges: collected batch by batch, brought together over processes.

A list is what our metrics saw: a target stands behind all that ties with it, so that whoever reads the ranks in order
finds our numbers again. Of others that tie, lower ids come first: how long the stored lists are changes no metric. The
scores tell what tied.
"""

import os
from pathlib import Path
from typing import final

import polars as pl
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from ssrec.batch import PAD
from ssrec.data.canonical import Canonical
from ssrec.data.split import TEST, Events, Held, Split
from ssrec.distributed import of_all
from ssrec.ranking import Ranking

FILE = "rankings.parquet"


@final
class TopLists:
    """The first k items of each tested row, and their scores."""

    def __init__(self, k: int):
        self.k = k
        self._blocks: list[Tensor] = []  # row, k items, k scores: doubles hold all of them exactly

    def depth(self, width: int) -> int:
        """How many items a `Ranking` of rows with up to `width` targets must list."""
        return self.k + width

    def add(self, scores: Float32[Tensor, "B N"], found: Ranking, *, zeroed: bool = False) -> None:
        """A batch.

        Args:
            scores: of every item.
            found: their ranking, with top lists of `depth`.
            zeroed: whether items of the past were ranked with a score of 0.
        """
        items = in_order(found, self.k)
        if zeroed:
            scores = scores.clone()
            scores[found.past.rows, found.past.values] = 0.0
        block = [found.batch.rows[:, None].double(), items.double(), scores.gather(1, items).double()]
        self._blocks.append(torch.cat(block, dim=1))

    def gather(self) -> None:
        """Bring the rows of all processes together, in order and on the CPU; every process has to ask for it."""
        whole = of_all(torch.cat(self._blocks))[0].cpu()
        self._blocks = [whole[whole[:, 0].argsort()]]

    def table(self) -> tuple[Int[Tensor, "R"], Int[Tensor, "R k"], Float[Tensor, "R k"]]:
        """Rows, ascending, their items and scores."""
        (whole,) = self._blocks
        row, items, scores = whole.split([1, self.k, self.k], dim=1)
        return row[:, 0].long(), items.long(), scores.float()


def in_order(found: Ranking, k: int) -> Int[Tensor, "B k"]:
    """The first k items of each row with every target at its rank; PAD where there are fewer."""
    target, ranks = found.target, found.ranks
    if not len(target):  # the share of a process that has more company than rows
        return target.new_zeros(0, k)
    known = target.new_zeros(len(target), max(int(found.top.max()), int(target.max())) + 1, dtype=torch.bool)
    known.scatter_(1, target, True)
    known[:, PAD] = True  # neither are places without an item
    others = found.top.gather(1, known.gather(1, found.top).long().argsort(dim=1, stable=True))
    kept = (~known.gather(1, found.top)).sum(1)
    others = others.masked_fill(torch.arange(others.shape[1], device=others.device) >= kept[:, None], PAD)
    listed = target.new_zeros(len(target), k + 1)  # column 0 takes the targets that are not listed
    listed.scatter_(1, ranks.masked_fill(ranks > k, 0), target)
    listed = listed[:, 1:]
    free = listed == PAD
    nth = (free.cumsum(1) - 1).clamp(min=0, max=others.shape[1] - 1)
    return torch.where(free, others.gather(1, nth), listed)


def owners(canonical: Canonical, split: Split, held: Held) -> Int[Tensor, "B"]:
    """The user of each test row, also of those whom models do not know."""
    if bool((held.user > 0).all()):
        return held.user
    tested = pl.Series((split.parts(Events.of(canonical)) == TEST).numpy())
    return torch.from_numpy(
        canonical.interactions["user"].filter(tested).unique().sort().to_numpy(writable=True)
    ).long()


def ids_of(canonical: Canonical) -> tuple[pl.Series, pl.Series]:
    """The raw ids of users and of items: that of number n stands at n - 1."""
    assert canonical.users is not None, "stored canonical data have a table of users"
    return canonical.users["id"].alias("user"), canonical.items["id"].alias("item")


def write(folder: Path, lists: TopLists, canonical: Canonical, owners: Int[Tensor, "B"]) -> None:
    """Write `rankings.parquet` whole or not at all: user, item (raw ids), rank (from 1) and score, row by row.

    Args:
        folder: of the run.
        lists: of rows that were tested, gathered.
        canonical: the data, for the ids.
        owners: the user of each row of the test, tested or not.
    """
    row, items, scores = lists.table()
    real = items != PAD
    users, known = ids_of(canonical)
    rank = torch.arange(1, lists.k + 1, dtype=torch.int32).expand(items.shape)
    table = pl.DataFrame(
        [
            users.gather((owners[row] - 1).repeat_interleave(real.sum(1)).numpy()),
            known.gather((items[real] - 1).numpy()),
            pl.Series("rank", rank[real].numpy()),
            pl.Series("score", scores[real].numpy()),
        ]
    )
    scratch = folder / f"{FILE}.part"
    table.write_parquet(scratch, compression="zstd", statistics=False)
    os.replace(scratch, folder / FILE)
