"""Small datasets written as lists, and the naive loops that splits are checked against."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import polars as pl
import torch
from hypothesis import strategies as st
from jaxtyping import Int8
from torch import Tensor

from ssrec.batch import Corpus, Ragged
from ssrec.data.canonical import Canonical
from ssrec.data.split import CONTEXT, TEST, TRAIN, UNUSED, VAL, Events, Held, Split

N_ITEMS = 9
HISTORIES = st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=7), min_size=1, max_size=6)


def canonical(
    histories: Sequence[Sequence[int]],
    *,
    times: Sequence[Sequence[int]] | None = None,
    timed: bool = True,
    within: Sequence[Sequence[int]] | None = None,
    parts: Sequence[Sequence[str]] | None = None,
    weights: Sequence[Sequence[float]] | None = None,
    items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None,
) -> Canonical:
    """User u has histories[u - 1]; the event at place n of it happens at 100 u + n, or when `times` says, and
    `within` in nanoseconds of that second."""
    times = times or [[100 * u + n for n in range(len(h))] for u, h in enumerate(histories, 1)]
    columns = {
        "user": [u for u, h in enumerate(histories, 1) for _ in h],
        "item": [i for h in histories for i in h],
        "time": [t for ts in times for t in ts],
    }
    table = pl.DataFrame(columns, schema={"user": pl.Int32, "item": pl.Int32, "time": pl.Int64})
    if not timed:
        table = table.drop("time")
    if within is not None:
        table = table.with_columns(pl.Series("nanosecond", [n for ns in within for n in ns], dtype=pl.Int32))
    for name, values in {"part": parts, "weight": weights}.items():
        if values is not None:
            table = table.with_columns(pl.Series(name, [v for vs in values for v in vs]))
    if items is None:
        items = pl.DataFrame({"item": range(1, N_ITEMS + 1), "id": range(1, N_ITEMS + 1)})
    return Canonical("toy", table, items, meta={"fingerprint": "f", "digest": "d"}, users=users)


def published(canonical: Canonical) -> Canonical:
    """With parts, as a publisher would give them: every fourth event is for testing."""
    n = pl.int_range(pl.len()) % 4
    parts = pl.when(n == 3).then(pl.lit("test")).otherwise(pl.lit("train")).alias("part")
    return replace(canonical, interactions=canonical.interactions.with_columns(parts))


def parts_of(split: Split, data: Canonical) -> list[list[int]]:
    """The part of each event, user by user."""
    events = Events.of(data)
    return [split.parts(events)[a:b].tolist() for a, b in events.offsets[1:].unfold(0, 2, 1).tolist()]


def rows(ragged: Ragged) -> list[list[int]]:
    return [ragged.values[a:b].tolist() for a, b in ragged.offsets.unfold(0, 2, 1).tolist()]


@final
@dataclass(frozen=True)
class Fixed(Split):
    """Parts as listed, user by user."""

    listed: tuple[tuple[int, ...], ...]
    history: str = "growing"

    @property
    def settings(self) -> dict[str, int | float | str]:
        return {"split": "fixed", "history": self.history}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        return torch.tensor([p for ps in self.listed for p in ps], dtype=torch.int8)


@dataclass
class Loop:
    """What `cut` promises of listed parts, by a loop over users and events."""

    train: list[list[int]]
    val: list[tuple[int, list[int], list[int]]]  # user, past, target
    test: list[tuple[int, list[int], list[int]]]
    facts: dict[str, int]

    @staticmethod
    def over(histories: Sequence[Sequence[int]], parts: Sequence[Sequence[int]], history: str) -> "Loop":
        facts: dict[str, int] = defaultdict(int)
        train: list[list[int]] = [[]]
        seen = {i for h, ps in zip(histories, parts, strict=True) for i, p in zip(h, ps, strict=True) if p == TRAIN}
        held: dict[str, list[tuple[int, list[int], list[int]]]] = {"val": [], "test": []}
        for user, (h, ps) in enumerate(zip(histories, parts, strict=True), 1):
            events = list(zip(h, ps, strict=True))
            train.append([i for i, p in events if p == TRAIN])
            facts["n_users_without_training"] += TRAIN not in ps
            facts["n_users_without_held_out"] += VAL not in ps and TEST not in ps
            for name, part, reads in (
                ("val", VAL, {TRAIN, CONTEXT}),
                ("test", TEST, {TRAIN, CONTEXT} | ({VAL} if history == "growing" else set())),
            ):
                past = [i for i, p in events if p in reads]
                target = [i for i, p in events if p == part]
                if not target:
                    continue
                held[name].append((user if TRAIN in ps else 0, past, target))
                read_at = [n for n, p in enumerate(ps) if p in reads]
                facts[f"n_{name}"] += 1
                facts[f"n_{name}_targets"] += len(target)
                facts[f"n_cold_{name}_targets"] += sum(i not in seen for i in target)
                facts[f"n_{name}_repeats"] += sum(i in past for i in target)
                facts[f"n_{name}_without_past"] += not past
                facts[f"n_{name}_with_later_past"] += bool(read_at) and read_at[-1] > ps.index(part)
        flat = [p for ps in parts for p in ps]
        facts |= {"n_train": flat.count(TRAIN), "n_context": flat.count(CONTEXT), "n_unused": flat.count(UNUSED)}
        facts |= {"n_users": len(histories), "n_items": N_ITEMS, "n_items_without_training": N_ITEMS - len(seen)}
        return Loop(train, held["val"], held["test"], facts)


def listed(held: Held) -> list[tuple[int, list[int], list[int]]]:
    return list(zip(held.user.tolist(), rows(held.past), rows(held.target), strict=True))


def same_corpus(a: Corpus, b: Corpus) -> bool:
    """Whether all that a model could be fitted on is the same."""
    tensors = [(getattr(a, n), getattr(b, n)) for n in ("items", "offsets", "times", "weights", "counts", "trained")]
    if not all(x is y if x is None or y is None else torch.equal(x, y) for x, y in tensors):
        return False
    return repr(a.item_features) == repr(b.item_features) and repr(a.user_features) == repr(b.user_features)
