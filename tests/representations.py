"""A small world for diagnostics: six items in two categories, one of them not trained."""

import torch
from torch import Tensor

from ssrec.batch import Attributes, Corpus, Ragged
from ssrec.diagnostics.diagnostic import Seen

DATA = {"fingerprint": "data", "split": "split"}


def ragged(rows: list[list[int]]) -> Ragged:
    lengths = torch.tensor([0, *map(len, rows)])
    return Ragged(torch.tensor([v for row in rows for v in row], dtype=torch.long), lengths.cumsum(0))


def corpus(categories: list[list[int]] | None = None) -> Corpus:
    """Items 1 to 5 have as many events as their id says; item 6 has none."""
    items = torch.repeat_interleave(torch.arange(6), torch.arange(6))
    named = ragged(categories or [[], [0], [0], [0, 1], [1], [1, 0], [1]])
    offsets = torch.tensor([0, 0, len(items)])
    return Corpus(items, offsets, n_users=1, n_items=6, attributes=Attributes(named, ("a", "b", "c")))


def seen(items: Tensor, users: Tensor | None = None, target: list[list[int]] | None = None) -> Seen:
    """Vectors of items 1 to 5, and of users."""
    users = items if users is None else users
    target = [[1]] * len(users) if target is None else target
    return Seen(corpus(), items, torch.arange(1, 6), users, ragged(target))
