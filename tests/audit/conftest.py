"""Subjects of an audit, planted event by event."""

from collections.abc import Callable, Sequence

import polars as pl
import pytest
import torch
from torch import Tensor

from ssrec.audit.subject import Subject
from ssrec.data.canonical import Canonical
from ssrec.data.split import TEST, TRAIN, VAL, Events, LeaveOneOut, Split, cut
from ssrec.data.splits.given import Given

NAMES = {"r": TRAIN, "v": VAL, "t": TEST, "c": 3, "u": 4}


class Planted(Split):
    """Parts as said, a letter for each event: r training, v validation, t test, c context, u unused."""

    def __init__(self, letters: str, history: str = "growing"):
        self.letters = letters
        self.history = history

    @property
    def settings(self) -> dict[str, int | float | str]:
        return {"split": "planted", "letters": self.letters, "history": self.history}

    def parts(self, events: Events) -> Tensor:
        return torch.tensor([NAMES[letter] for letter in self.letters], dtype=torch.int8)


@pytest.fixture
def plant() -> Callable[..., Subject]:
    """A subject of events (user, item) or (user, item, time), in canonical order, and columns of the item table.

    `parts` has a letter for each event; without it the split is leave-one-out. `published` has the publisher's part
    of each, which is the split where `given` says so.
    """

    def planted(
        events: Sequence[tuple[int, ...]], parts: str | None = None, *, history: str = "growing", **content: object
    ) -> Subject:
        removed, steps = content.pop("removed", {}), content.pop("steps", [])
        published, given = content.pop("published", None), content.pop("given", False)
        names = ["user", "item", "time"][: len(events[0])]
        interactions = pl.DataFrame(events, schema=dict.fromkeys(names, pl.Int64), orient="row")
        if isinstance(published, list):
            interactions = interactions.with_columns(pl.Series("part", published))
        ids = content.pop("id", None)
        n = len(ids) if isinstance(ids, list) else max(interactions["item"])
        table = {"item": range(1, n + 1), "id": ids or range(1, n + 1), **content}
        items = pl.DataFrame(table, schema_overrides={"item": pl.Int64})
        canonical = Canonical(
            name="planted",
            interactions=interactions,
            items=items,
            meta={"fingerprint": "0123456789abcdef", "digest": "fedcba", "removed": removed, "steps": steps},
        )
        split = LeaveOneOut(history=history) if parts is None else Planted(parts.replace(" ", ""), history)
        if given:
            split = Given(history=history)
        return Subject.of(canonical, split, cut(split, canonical))

    return planted


@pytest.fixture
def histories() -> Callable[..., list[tuple[int, int, int]]]:
    """Random histories with ties: events of users 1..n, on days of three events each, without repeats.

    `key` orders the three events of a day by a value of each item; without it they stand at random.
    """

    def made(n: int = 300, days: int = 4, items: int = 60, key: Tensor | None = None) -> list[tuple[int, int, int]]:
        drawn = torch.rand(n, items).argsort(dim=1)[:, : 3 * days].view(n, days, 3)
        if key is not None:
            drawn = drawn.gather(2, key[drawn].argsort(dim=2))
        return [
            (u + 1, int(drawn[u, d, k]) + 1, 86_400 * (d + 1)) for u in range(n) for d in range(days) for k in range(3)
        ]

    return made
