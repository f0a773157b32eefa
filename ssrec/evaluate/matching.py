"""Raw ids of rankings -> numbers of items and rows of a test part; what does not belong is refused, or counted."""

from dataclasses import dataclass
from typing import final

import numpy as np
import polars as pl
from jaxtyping import Bool, Int
from torch import Tensor

from ssrec.data.canonical import Canonical
from ssrec.data.ids import agreeing, other_spelling
from ssrec.errors import DataError
from ssrec.evaluate.files import Given
from ssrec.top_lists import ids_of

NOBODY = -1


@final
@dataclass(frozen=True)
class Matched:
    """Listed items of the rows of a test part: row and item (Int64), rank or score or both, line (of the file, from 0).

    `absent` are the raw ids of users who are tested and have no ranking, `alike` says whether all others have the same
    ranking; then counts of the file's users and items that were left out.
    """

    table: pl.DataFrame
    absent: pl.Series
    alike: bool
    users_not_tested: int
    unknown_users: int
    unknown_items: int


def matched(
    given: Given, canonical: Canonical, owners: Int[Tensor, "B"], asked: Bool[Tensor, "B"], *, drop_unknown: bool
) -> Matched:
    """The rankings of the tested users, in the order of the file.

    Args:
        given: the rankings.
        canonical: whose raw ids they use.
        owners: the user of each row of the test.
        asked: the rows that are tested.
        drop_unknown: whether users and items that the data have not are left out instead of refused.

    Raises:
        DataError: an id is none of the data (unless such are left out), an item stands twice in a user's ranking, rank
            and score contradict each other, or nobody who is tested has a ranking.
    """
    users, items = ids_of(canonical)
    table, unknown_users = _numbered(given, given.table.with_row_index("line"), users, canonical.name, drop_unknown)
    table, unknown_items = _numbered(given, table, items, canonical.name, drop_unknown)
    row_of = np.full(canonical.n_users + 1, NOBODY)
    tested = asked.nonzero().flatten().numpy()
    row_of[owners.numpy()[tested]] = tested
    row = pl.Series("row", row_of[table["user"].to_numpy()])
    others = table["user"].filter(row == NOBODY).n_unique()
    table = table.with_columns(row).filter(pl.col("row") != NOBODY)
    absent = np.setdiff1d(tested, table["row"].unique().to_numpy())
    absentees = users.gather(owners.numpy()[absent] - 1)
    if table.is_empty():
        raise DataError(
            f"{given.files[0]} ranks nobody whom this split tests: {len(tested):,} users, such as {_some(absentees)}"
        )
    _check_listed_once(given, table)
    _check_order(given, table)
    return Matched(table.drop("user"), absentees, _alike(table), others, unknown_users, unknown_items)


def _numbered(
    given: Given, table: pl.DataFrame, known: pl.Series, dataset: str, drop_unknown: bool
) -> tuple[pl.DataFrame, int]:
    """The table with numbers for a kind of ids, without those that nobody knows, and how many these are."""
    kind = known.name
    own, ids = agreeing(table[kind], known)
    numbers = pl.DataFrame({kind: ids, "number": pl.int_range(1, len(ids) + 1, dtype=pl.Int64, eager=True)})
    found = own.to_frame().join(numbers, on=kind, how="left", maintain_order="left")["number"].alias(kind)
    unknown = own.filter(found.is_null())
    if len(unknown) == len(own):
        raise DataError(
            f"{given.files[0]}: none of its {kind}s is one of {dataset}, where their ids in the raw data look like "
            f"{_some(known)}; here they look like {_some(own.unique(maintain_order=True))}{_alias(own[0], ids)}"
        )
    if len(unknown) and not drop_unknown:
        line = int(table["line"].filter(found.is_null())[0])
        like = _alias(unknown[0], ids) or f" (its ids look like {_some(known)})"
        why = (
            f"{dataset} has no {kind} {unknown[0]!r}{like}; such {kind}s: {unknown.n_unique():,}; "
            "--unknown drop leaves them out"
        )
        raise DataError(given.place(line).says(why, kind))
    return table.with_columns(found).filter(found.is_not_null()), unknown.n_unique()


def _check_listed_once(given: Given, table: pl.DataFrame) -> None:
    again = table.select(pl.struct("row", "item").is_duplicated()).to_series()
    if again.any():
        first, second = map(int, table.filter(again).sort("row", "item", "line")["line"].head(2))
        said = given.table.row(second, named=True)
        why = f"user {said['user']!r} has item {said['item']!r} already, in {given.place(first)}"
        raise DataError(given.place(second).says(f"{why}; a ranking lists an item once", "item"))


def _check_order(given: Given, table: pl.DataFrame) -> None:
    if len(given.orders) < 2:
        return
    score = pl.col("score").fill_nan(-np.inf)
    below = (pl.col("row") == pl.col("row").shift()) & (pl.col("rank") > pl.col("rank").shift())
    wrong = table.sort("row", "rank", "line").filter(below & (score > score.shift()))
    if len(wrong):
        line = int(wrong["line"][0])
        said = given.table.row(line, named=True)
        why = f"user {said['user']!r} has a higher score at rank {said['rank']:g} than before it"
        right = "say which of the two counts, for example --columns rank=rank"
        raise DataError(given.place(line).says(f"{why}; {right}", "rank"))


def _alike(table: pl.DataFrame) -> bool:
    order = pl.col("rank") if "rank" in table.columns else -pl.col("score")
    lists = table.group_by("row").agg(pl.col("item").sort_by(order, "line"))["item"]
    return len(lists) > 1 and bool((lists.hash() == lists.hash()[0]).all())


def _alias(id: object, known: pl.Series) -> str:
    """Of an id that is a known one in another spelling: which one."""
    other = other_spelling(str(id), known)
    return "" if other is None else f", and has {other!r}, which is the same but for spaces or zeros"


def _some(ids: pl.Series) -> str:
    return ", ".join(map(repr, ids.head(3).to_list()))
