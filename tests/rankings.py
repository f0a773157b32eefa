"""Rankings written as lists, for tests of metrics."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ssrec.batch import PAD, Batch, Ragged
from ssrec.ranking import Ranking


def ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    offsets = torch.tensor([0, *map(len, rows)]).cumsum(0)
    return Ragged(torch.tensor([v for row in rows for v in row], dtype=torch.long), offsets)


def asked(target: Tensor, seen: Ragged | None = None, user: Sequence[int] | None = None) -> Batch:
    """Rows that ask for these targets after such a past."""
    rows = torch.arange(len(target))
    whose = torch.zeros_like(rows) if user is None else torch.tensor(user, dtype=torch.long)
    return Batch(rows, whose, target.new_zeros(len(target), 0), target, seen=seen)


def placed(
    ranks: Sequence[Sequence[int]], n_items: int, seen: Ragged | None = None, items: Tensor | None = None
) -> Ranking:
    """Rows whose targets (`items`, or ids equal to their ranks) stand at these ranks among n_items; no top lists."""
    width = max(map(len, ranks), default=0)
    filled = torch.tensor([[*row, *[0] * (width - len(row))] for row in ranks], dtype=torch.long).view(
        len(ranks), width
    )
    target = filled if items is None else items
    none = filled.new_zeros(len(filled), n_items)
    candidates = torch.full((len(filled),), n_items)
    flat = torch.zeros(len(filled), dtype=torch.bool)
    return Ranking(filled, target, (filled > 0).sum(1), none, candidates, flat, asked(target, seen))


def lists(
    top: Sequence[Sequence[int]],
    width: int,
    *,
    vectors: Tensor | None = None,
    past: Sequence[Sequence[int]] | None = None,
    user: Sequence[int] | None = None,
) -> Ranking:
    """Rows with these top lists, filled with PAD; they have no targets, which must not matter."""
    tensor = torch.tensor([[*row, *[PAD] * (width - len(row))] for row in top], dtype=torch.long).view(len(top), width)
    none = tensor.new_zeros(len(top), 1)
    batch = asked(none, None if past is None else ragged(past), user)
    return Ranking(none, none, none[:, 0], tensor, none[:, 0] + 1000, none[:, 0] > 0, batch, vectors)
