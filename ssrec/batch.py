"""What flows through the library: the training split (`Corpus`) and rows of it (`Batch`).

Ids are rows. Row 0 is padding (and the unknown user), items are 1..n_items, users 1..n_users, and the mask token has
the row after the last item, so that no model does arithmetic on ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

PAD = 0


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths, flat: row r is `values[offsets[r]:offsets[r + 1]]`."""

    values: Int[Tensor, "E"]
    offsets: Int[Tensor, "R1"]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int[Tensor, "R"]:
        return self.offsets.diff()

    @property
    def rows(self) -> Int[Tensor, "E"]:
        """The row that each value stands in."""
        return torch.repeat_interleave(self.lengths, output_size=len(self.values))

    def select(self, rows: Int[Tensor, "B"]) -> "Ragged":
        """The given rows, in the given order, by whole-array operations."""
        lengths = self.lengths[rows]
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        shift = torch.repeat_interleave(self.offsets[rows] - offsets[:-1], lengths)
        return Ragged(self.values[torch.arange(len(shift), device=shift.device) + shift], offsets)

    def padded(self, width: int | None = None) -> Int[Tensor, "R T"]:
        """Right-aligned rows, PAD on the left; the last `width` values of each where one is given."""
        longest = int(self.lengths.max()) if len(self) else 0
        width = longest if width is None else min(width, longest)
        index = self.offsets[1:, None] - width + torch.arange(width, device=self.offsets.device)
        real = index >= self.offsets[:-1, None]
        if not len(self.values):
            return real.long()
        return torch.where(real, self.values[index.clamp(min=0)], PAD)

    def to(self, device: torch.device | str) -> "Ragged":
        return Ragged(self.values.to(device), self.offsets.to(device))


@dataclass(frozen=True)
class Attributes:
    """What each item (or user) is: categories, brands, genres; `values` has a row per item row, ids into `names`."""

    values: Ragged
    names: tuple[str, ...]

    def labels(self) -> Int[Tensor, "N"]:
        """One class per row: the id of its first name + 1, and 0 where it has none.

        Where features say `encoding=one_hot` a row has no other name, so the labels are all that there is.
        """
        found = torch.zeros_like(self.values.lengths)
        some = self.values.lengths > 0
        found[some] = self.values.values[self.values.offsets[:-1][some]] + 1
        return found

    def multi_hot(self) -> Float[Tensor, "N A"]:
        """Ones where a row has a name, so one-hot where rows have one at most; dense, so for small vocabularies."""
        found = torch.zeros(len(self.values), len(self.names))
        found[self.values.rows, self.values.values] = 1.0
        return found


@dataclass(frozen=True)
class Text:
    """One text per item row; row 0 is empty."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    """A number per item (or user) row, normalised, and, where some have none, a column that marks those; row 0 is zero.

    `names` are those of the columns.
    """

    values: Float[Tensor, "N C"]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Vectors:
    """A vector per item (or user) row, as published: image or audio features; zero where it has none."""

    values: Float[Tensor, "N C"]


Feature = Attributes | Text | Numbers | Vectors


@dataclass(frozen=True)
class Corpus:
    """The training split and the catalogue, and nothing else: all that a model or an objective can fit on.

    Row u of (`items`, `offsets`) holds the training events of user u in order; row 0, the unknown user, is empty.
    `trained` marks the item rows that have events; the others are cold and still in the catalogue. `weights` say how
    much an event counts (a rating, a number of plays); without them all count 1. `published` has every column of names
    of the items, and of the users as `user.<column>`, as published: by them metrics judge lists. `attributes` is the
    items' column of that name. What models read of items and users is in `item_features` and `user_features`, fitted.
    """

    items: Int[Tensor, "E"]
    offsets: Int[Tensor, "U1"]
    n_users: int
    n_items: int
    times: Int[Tensor, "E"] | None = None
    attributes: Attributes | None = None
    item_features: Mapping[str, Feature] = field(default_factory=dict)
    weights: Float[Tensor, "E"] | None = None
    user_features: Mapping[str, Feature] = field(default_factory=dict)
    published: Mapping[str, Attributes] = field(default_factory=dict)

    @property
    def item_rows(self) -> int:
        """Rows of a table of items: padding and the catalogue."""
        return self.n_items + 1

    @property
    def user_rows(self) -> int:
        """Rows of a table of users: the unknown user and everybody."""
        return self.n_users + 1

    @property
    def mask(self) -> int:
        """The id of the mask token: the row after the last item."""
        return self.n_items + 1

    @property
    def history(self) -> Ragged:
        return Ragged(self.items, self.offsets)

    @cached_property
    def counts(self) -> Int[Tensor, "N"]:
        """Training events of each item row."""
        return torch.bincount(self.items, minlength=self.item_rows)

    @property
    def trained(self) -> Bool[Tensor, "N"]:
        return self.counts > 0


@dataclass(frozen=True)
class Batch:
    """Rows to encode, and what they ask for.

    `items` is the past, right-aligned, and never holds the label of its last position: that is `target[:, 0]`.
    So the labels of all positions are `items[:, 1:]` followed by `target`. Rows without a past (edges, whole
    histories) have no columns. `target` is filled with PAD where a row has fewer.
    """

    rows: Int[Tensor, "B"]
    user: Int[Tensor, "B"]  # 0: unknown
    items: Int[Tensor, "B T"]
    target: Int[Tensor, "B K"]
    times: Int[Tensor, "B T"] | None = None
    seen: Ragged | None = None  # the FULL past: kept out of a ranking, and what a bag encoder reads
    n_targets: int = 0  # training targets in this batch over all processes: the unit of a budget
    kind: str = "window"  # what a row is: window, prefix, edge or history

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> Int[Tensor, "B T"]:
        """The next item of every position, PAD where there is none."""
        following = torch.cat([self.items[:, 1:], self.target[:, :1]], dim=1)
        return torch.where(self.items == PAD, PAD, following)

    @property
    def whole(self) -> Int[Tensor, "B T1"]:
        """Past and target as one sequence, for objectives that hide some of it themselves."""
        return torch.cat([self.items, self.target[:, :1]], dim=1)

    def select(self, rows: Int[Tensor, "R"]) -> "Batch":
        """The given rows; the budget stays that of the whole batch."""
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        chosen = {name: value[rows] for name, value in kept.items() if isinstance(value, Tensor)}
        return replace(self, **chosen, seen=None if self.seen is None else self.seen.select(rows))

    def to(self, device: torch.device | str) -> "Batch":
        moved: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            moved[f.name] = value.to(device) if isinstance(value, Tensor | Ragged) else value
        return replace(self, **moved)
