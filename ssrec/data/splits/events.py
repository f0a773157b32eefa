"""All events of a dataset as flat tensors, and the whole-array operations that splits are made of.

So that memory stays near that of the tables, what is as long as the events has a byte for each of them (parts, masks)
or is part of what is stored; wider values are made a block at a time. Only folds of all events need a permutation.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import final

import polars as pl
import torch
from jaxtyping import Bool, Float, Int, Int8, Shaped
from torch import Generator, Tensor

from ssrec.data.canonical import Canonical
from ssrec.data.numbering import PARTS
from ssrec.errors import DataError

TRAIN, VAL, TEST, CONTEXT, UNUSED = range(5)  # what an event is for; CONTEXT is read at evaluation, never trained on
BLOCK = 1 << 21  # events worked on at once
Moment = tuple[int, int]  # seconds since 1970 UTC, and nanoseconds of that second


@final
@dataclass(frozen=True)
class Events:
    """Events in the order of users and, in a user, of time; those of user u are `offsets[u]:offsets[u + 1]`."""

    name: str  # of the dataset, for messages
    item: Int[Tensor, "E"]
    offsets: Int[Tensor, "U1"]  # row 0, the unknown user, is empty
    n_items: int
    time: Int[Tensor, "E"] | None = None  # seconds since 1970 UTC
    weight: Float[Tensor, "E"] | None = None
    part: Int8[Tensor, "E"] | None = None  # the publisher's
    nanosecond: Int[Tensor, "E"] | None = None  # of the second; None: all 0
    _moments: dict[int, Moment] = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def of(canonical: Canonical) -> "Events":
        """The tables' own memory wherever it can be shared; read only.

        Raises:
            DataError: a part has a name that means nothing.
        """
        table = canonical.interactions
        lengths = torch.zeros(canonical.n_users + 1, dtype=torch.long)
        for block in slices(len(table)):
            lengths += torch.bincount(_tensor(table["user"][block]), minlength=len(lengths))
        return Events(
            canonical.name,
            _tensor(table["item"]),
            offsets(lengths),
            canonical.n_items,
            _tensor(table["time"]) if "time" in table.columns else None,
            _tensor(table["weight"]) if "weight" in table.columns else None,
            _parts(canonical.name, table["part"]) if "part" in table.columns else None,
            _tensor(table["nanosecond"]) if "nanosecond" in table.columns else None,
        )

    def __len__(self) -> int:
        return len(self.item)

    @property
    def offers(self) -> frozenset[str]:
        """What a split can ask for, in the words of `Source.offers`."""
        known = {"times": self.time, "weights": self.weight, "parts": self.part}
        return frozenset(name for name, value in known.items() if value is not None)

    @cached_property
    def lengths(self) -> Int[Tensor, "U"]:
        """Events of each user row."""
        return self.offsets.diff()

    def moment(self, place: int) -> Moment:
        """The time at a place, from 0, of all events in order of time; looked for once."""
        assert self.time is not None
        if place not in self._moments:
            second, within = nth(self.time, place), 0
            if self.nanosecond is not None:
                before = sum(int((self.time[block] < second).sum()) for block in slices(len(self)))
                within = nth(pick(self.nanosecond, self.time == second), place - before)
            self._moments[place] = second, within
        return self._moments[place]

    def since(self, moment: Moment, block: slice) -> Bool[Tensor, "M"]:
        """Which events of a block are at the moment or after it."""
        assert self.time is not None
        (second, within), time = moment, self.time[block]
        if self.nanosecond is None:
            return time >= second + (within > 0)
        return (time > second) | ((time == second) & (self.nanosecond[block] >= within))

    def together(self, a: Int[Tensor, "M"], b: Int[Tensor, "M"]) -> Bool[Tensor, "M"]:
        """Whether events at places have the same time."""
        assert self.time is not None
        same = self.time[a] == self.time[b]
        return same if self.nanosecond is None else same & (self.nanosecond[a] == self.nanosecond[b])

    def spread(self, of_users: Shaped[Tensor, "U"], users: slice) -> Shaped[Tensor, "M"]:
        """For every event of a run of user rows, what its user has."""
        return torch.repeat_interleave(of_users[users], self.lengths[users])


def pick(values: Shaped[Tensor, "E"], mask: Bool[Tensor, "E"]) -> Shaped[Tensor, "M"]:
    """`values[mask]`, integers of 64 bits, without an index as long as the events."""
    out = torch.empty(int(mask.sum()), dtype=values.dtype if values.is_floating_point() else torch.long)
    at = 0
    for block in slices(len(values)):
        chosen = values[block][mask[block]]
        out[at : at + len(chosen)] = chosen
        at += len(chosen)
    return out


def nth(values: Int[Tensor, "E"], place: int) -> int:
    """The value at a place, from 0, of all in ascending order; by bisection, which takes no copy of them."""
    low, high = (int(bound) for bound in values.aminmax())
    while low < high:
        middle = (low + high) // 2
        until = sum(int((values[block] <= middle).sum()) for block in slices(len(values)))
        low, high = (low, middle) if until > place else (middle + 1, high)
    return low


def offsets(lengths: Int[Tensor, "R"]) -> Int[Tensor, "R1"]:
    """Where each of the rows begins, and the last one ends."""
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])


def slices(n: int) -> Iterator[slice]:
    """`BLOCK` of n events after the other."""
    return (slice(start, start + BLOCK) for start in range(0, n, BLOCK))


def blocks(offsets: Int[Tensor, "U1"]) -> Iterator[tuple[slice, slice]]:
    """Runs of whole users with some `BLOCK` events, or one user with more: their rows, and their events."""
    wanted = torch.arange(0, int(offsets[-1]), BLOCK)[1:]
    inner = torch.searchsorted(offsets, wanted, right=True) - 1
    edges = torch.cat([inner.new_zeros(1), inner, inner.new_tensor([len(offsets) - 1])]).unique().tolist()
    for first, end in pairwise(edges):
        yield slice(first, end), slice(int(offsets[first]), int(offsets[end]))


def runs(
    lengths: Int[Tensor, "U"], sizes: Sequence[tuple[int, Int[Tensor, "U"]]], generator: Generator | None = None
) -> Int8[Tensor, "E"]:
    """Each user's events in runs of the given parts and sizes (which sum to `lengths`), in order.

    With a generator the runs are of each user's events in a random order.
    """
    of_events = offsets(lengths)
    out = torch.empty(int(of_events[-1]), dtype=torch.int8)
    kinds = torch.tensor([part for part, _ in sizes], dtype=torch.int8)
    for users, block in blocks(of_events):
        repeats = torch.stack([size[users] for _, size in sizes], dim=1).flatten()
        parts = torch.repeat_interleave(kinds.repeat(users.stop - users.start), repeats)
        if generator is not None:
            rows = torch.repeat_interleave(lengths[users]).double()
            parts = parts[(rows + torch.rand(len(rows), dtype=torch.double, generator=generator)).argsort(stable=True)]
        out[block] = parts
    return out


def share(n: Int[Tensor, "*shape"], ratio: float) -> Int[Tensor, "*shape"]:
    """Floor of ratio * n, where a product such as 0.29 * 100 = 28.999999999999996 counts as what it means."""
    return (n.double() * ratio + 1e-9).long()


def _tensor(column: pl.Series) -> Tensor:
    """A column as integers or 32-bit floats; shares the column's memory where it lies in one piece."""
    array = column.cast(pl.Float32 if column.dtype.is_float() else column.dtype).to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the memory is read only, and nobody here writes
        return torch.from_numpy(array)


def _parts(name: str, column: pl.Series) -> Int8[Tensor, "E"]:
    kinds = torch.tensor([TRAIN, VAL, TEST], dtype=torch.int8)  # of the codes of PARTS
    parts = torch.empty(len(column), dtype=torch.int8)
    for block in slices(len(column)):
        words = column[block]
        named = words if words.dtype == PARTS else words.cast(pl.String).cast(PARTS, strict=False)
        if named.has_nulls():
            strange = words.filter(named.is_null())[0]
            raise DataError(f"{name}: an interaction's part is {strange!r}; it is one of {', '.join(PARTS.categories)}")
        parts[block] = kinds[_tensor(named.to_physical()).long()]
    return parts
