"""A small training split with a repeat, a single event, a user without events and cold items."""

import pytest
import torch

from ssrec.batch import Attributes, Batch, Corpus, Ragged

HISTORIES = [[], [1, 2, 3, 2], [2, 3, 5, 1, 4], [5], [], [3, 2, 3, 5, 6], [7, 1, 2, 3]]


def ragged(rows: list[list[int]]) -> Ragged:
    lengths = torch.tensor([0] + [len(row) for row in rows])
    return Ragged(torch.tensor([v for row in rows for v in row], dtype=torch.long), lengths.cumsum(0))


@pytest.fixture
def histories() -> list[list[int]]:
    return HISTORIES


@pytest.fixture
def corpus() -> Corpus:
    history = ragged(HISTORIES)
    attributes = Attributes(ragged([[], [0], [0, 1], [2], [], [1, 2], [0], [2], [1], [0]]), ("a", "b", "c"))
    return Corpus(history.values, history.offsets, n_users=6, n_items=9, item_features={"attributes": attributes})


@pytest.fixture
def make_batch():
    """A batch of the given pasts, of users 1, 2, ..., as evaluation gives it."""

    def make(pasts: list[list[int]], width: int | None = None) -> Batch:
        seen = ragged(pasts)
        items = seen.padded(width)
        rows = torch.arange(len(pasts))
        return Batch(rows=rows, user=rows + 1, items=items, target=torch.ones(len(pasts), 1).long(), seen=seen)

    return make
