"""Rows of the catalogue that are one product: the same title, the same content, or the same users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import polars as pl
import torch
from jaxtyping import Int
from torch import Generator, Tensor

from ssrec.audit import thresholds as limits
from ssrec.audit.catalogue import NEAR_DUPLICATES
from ssrec.audit.section import Finding, Section, Table
from ssrec.audit.subject import Subject
from ssrec.audit.words import count, percent, short
from ssrec.batch import Ragged

EXAMPLES = 3


@dataclass(frozen=True)
class Alike:
    """`items` that share what they have with another, in `groups`; `examples` are ids and titles of some."""

    items: int
    groups: int
    targets: int  # test targets whose row has another item of their group in its past
    examples: Sequence[Sequence[str]]


@final
@dataclass(frozen=True)
class Twins(Section):
    """`kinds` of likeness: title (the same letters and digits), content (texts, codes and urls apart, and vectors all
    equal), users (at least 2, the same).
    """

    items: int
    targets: int
    kinds: Mapping[str, Alike]

    title: ClassVar[str] = "Near-duplicate items"

    def findings(self) -> list[Finding]:
        some = {kind: a for kind, a in self.kinds.items() if a.items}
        if not some:
            return []
        worst = max(a.targets for a in some.values())
        parts = [f"{count(a.items)} items in {count(a.groups)} groups have the same {k}" for k, a in some.items()]
        of = f"{count(worst)} ({percent(worst, self.targets)})"
        return [
            NEAR_DUPLICATES(
                "warning" if worst >= limits.TWIN_TARGETS_WARNING * self.targets else "note",
                f"{'; '.join(parts)}. Of the test targets up to {of} have such a twin in their past.",
            )
        ]

    def table(self) -> Table:
        rows = [
            [kind, count(a.items), count(a.groups), count(a.targets), "; ".join(" = ".join(g) for g in a.examples)]
            for kind, a in self.kinds.items()
        ]
        head = ["the same", "items", "groups", "targets with a twin in the past", "for example"]
        return Table(head, rows, f"of {count(self.items)} items and {count(self.targets)} test targets")


def twins(subject: Subject) -> Twins:
    """Group the catalogue in each way that its columns allow."""
    items = subject.canonical.items
    groups = {"users": same_users(subject.item, subject.user, subject.item_rows, subject.user_rows)}
    if "title" in items.columns and items["title"].dtype == pl.String:
        groups["title"] = _groups(normalised(items["title"]))
    content = [c for c in items if c.name not in ("item", "id")]
    rich = [c for c in content if (c.dtype == pl.String and _is_prose(c)) or isinstance(c.dtype, pl.Array)]
    if [c.name for c in rich] not in ([], ["title"]):
        groups["content"] = _groups(_content(rich))
    called = pl.col("title").fill_null("").cast(pl.String) if "title" in items.columns else pl.lit("")
    names = items.select(pl.col("id").cast(pl.String) + " " + called).to_series()
    past, target = subject.splits.test.past, subject.splits.test.target
    kinds = {kind: _alike(g, names, past, target) for kind, g in sorted(groups.items())}
    return Twins(subject.canonical.n_items, len(target.values), kinds)


def _is_prose(texts: pl.Series) -> bool:
    """Whether any value has two words: codes and urls say who an item is, not what."""
    return bool(texts.str.strip_chars().str.contains(r"\s").any())


def normalised(titles: pl.Series) -> pl.Series:
    """Lower case, letters and digits only; null where nothing is left."""
    words = titles.str.to_lowercase().str.replace_all(r"[\W_]+", " ").str.strip_chars()
    return words.replace("", None)


def same_users(item: Int[Tensor, "E"], user: Int[Tensor, "E"], item_rows: int, user_rows: int) -> Int[Tensor, "N"]:
    """A group for each set of at least 2 users: items with the same one; 0 for items alone.

    Sets are compared by their size and the sum of a random 64-bit number of each member.
    """
    pairs = torch.unique(item * user_rows + user)
    item, user = pairs // user_rows, pairs % user_rows
    numbers = torch.randint(-(2**63), 2**63 - 1, (user_rows,), generator=Generator().manual_seed(limits.SEED))
    sums = torch.zeros(item_rows, dtype=torch.long).index_add_(0, item, numbers[user])
    sizes = torch.bincount(item, minlength=item_rows)
    table = pl.DataFrame({"sum": sums[1:].numpy(), "size": sizes[1:].numpy()})
    return _groups(table.select(pl.when(pl.col("size") > 1).then(pl.struct("sum", "size")).alias("set"))["set"])


def _content(columns: Sequence[pl.Series]) -> pl.Series:
    """One hash for each item with any content."""
    table = pl.DataFrame(columns)
    filled = pl.any_horizontal(pl.all().is_not_null())
    return table.select(pl.when(filled).then(pl.struct(pl.all()).hash(limits.SEED)).alias("content"))["content"]


def _groups(keys: pl.Series) -> Int[Tensor, "N"]:
    """Numbers from 1 for keys that several rows share, 0 for other rows and for rows without a key; row 0 first."""
    table = pl.DataFrame({"key": keys}).with_columns(n=pl.len().over("key"), group=pl.col("key").rank("dense"))
    shared = pl.when(pl.col("key").is_not_null() & (pl.col("n") > 1)).then("group").otherwise(0)
    return torch.cat([torch.zeros(1, dtype=torch.long), table.select(shared.cast(pl.Int64))["group"].to_torch()])


def _alike(group: Int[Tensor, "N"], names: pl.Series, past: Ragged, target: Ragged) -> Alike:
    members = group.nonzero().flatten()
    sizes = torch.bincount(group[members])
    order = members[group[members].argsort(stable=True)]
    some = torch.unique(group[order])[:EXAMPLES].tolist()
    examples = [[short(names[i - 1].strip()) for i in order[group[order] == g][:2].tolist()] for g in some]
    return Alike(len(members), int((sizes > 0).sum()), _with_twin(group, past, target), examples)


def _with_twin(group: Int[Tensor, "N"], past: Ragged, target: Ragged) -> int:
    """Targets whose row's past holds an item of the same group that is not the target itself."""
    width, n_groups = len(group), int(group.max()) + 1

    def pairs(rows: Ragged) -> tuple[Tensor, Tensor]:
        kept = group[rows.values] > 0
        return rows.rows[kept], rows.values[kept]

    (row, item), (asked_row, asked) = pairs(past), pairs(target)
    met = torch.unique(row * width + item)  # each item of a row once
    of_group, n = torch.unique((met // width) * n_groups + group[met % width], return_counts=True)
    wanted = asked_row * n_groups + group[asked]
    if not len(of_group) or not len(wanted):
        return 0
    place = torch.searchsorted(of_group, wanted).clamp(max=len(of_group) - 1)
    members = torch.where(of_group[place] == wanted, n[place], 0)
    return int((members - torch.isin(asked_row * width + asked, met).long() > 0).sum())
