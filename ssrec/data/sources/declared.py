"""Content columns that a user declares by kind, so that what a dataset offers is known before it is read."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, final, runtime_checkable

import polars as pl

from ssrec.data.files.layout import called, worded
from ssrec.data.files.places import Place, in_order
from ssrec.data.sources.content import names, one, several, vectors
from ssrec.errors import CompositionError, DataError

# Columns of a file, or names of ours with those of the file: [title], {title: movie_title}. None, unlike an empty list,
# can be replaced by either on a command line.
Columns = Sequence[str] | Mapping[str, str] | None


@runtime_checkable
class Declares(Protocol):
    """A source whose settings declare content columns of its items and of its users."""

    @property
    def text(self) -> Columns: ...
    @property
    def attributes(self) -> Columns: ...
    @property
    def numbers(self) -> Columns: ...
    @property
    def vectors(self) -> Columns: ...
    @property
    def users_text(self) -> Columns: ...
    @property
    def users_attributes(self) -> Columns: ...
    @property
    def users_numbers(self) -> Columns: ...


class Column(NamedTuple):
    """A content column: its name here and in the file, its kind, and the setting that declares it."""

    name: str
    source: str
    kind: str
    setting: str


@final
@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the content columns of a table are; its settings start with `prefix`.

    Raises:
        CompositionError: a column is declared twice, or is called as what every table has.
    """

    text: Columns = None
    attributes: Columns = None
    numbers: Columns = None
    vectors: Columns = None
    prefix: str = "dataset."

    def __post_init__(self) -> None:
        seen = {"item", "user"}
        for column in self:
            if column.name in seen:
                raise CompositionError(f"{column.setting}: a column {column.name} is there already")
            seen.add(column.name)

    def __iter__(self) -> Iterator[Column]:
        for kind in ("text", "attributes", "numbers", "vectors"):
            columns = getattr(self, kind) or ()
            pairs = columns.items() if isinstance(columns, Mapping) else ((column, column) for column in columns)
            yield from (Column(name, source, kind, self.prefix + kind) for name, source in pairs)

    @property
    def settings(self) -> list[list[str]]:
        """What a table depends on, as JSON has it."""
        return [[column.name, column.source, column.kind] for column in self]

    @property
    def wanted(self) -> list[tuple[str, str]]:
        """Settings, and the columns of a file that they name."""
        return [(column.setting, column.source) for column in self]

    def ours(self, key: str, ids: str) -> dict[str, str]:
        """What the file calls the `key`, by our name, and the content columns, by its own."""
        return {key: ids, **{column.source: column.source for column in self if column.source != key}}

    def table(
        self, raw: pl.DataFrame, key: str, ids: str, where: str, list_separator: str | None, place: Place | None = None
    ) -> pl.DataFrame:
        """The table's `key`, from its column `ids`, and its content columns, each as its kind has it.

        Args:
            raw: as it was read.
            key: item or user.
            ids: what the file calls it.
            where: the file, for messages.
            list_separator: between the attributes in a text.
            place: where a row stands; None: counted in `where`.

        Raises:
            DataError: a column holds what its kind cannot be made of.
        """
        made, place = [raw[ids].alias(key)], place or in_order(where)
        for name, source, kind, _ in self:
            made.append(_content(raw, source, kind, ids, where, place, list_separator).alias(name))
        return pl.DataFrame(made)


def check_columns(
    where: Path | str, has: Iterable[str], wanted: Iterable[tuple[str, str]], header: str | None = None
) -> None:
    """Whether a file has the columns that settings name; `header` is the first line of a text file.

    Raises:
        DataError: it lacks one; names the nearest, and what there is.
    """
    known = list(has)
    for setting, column in wanted:
        if column not in known:
            close = difflib.get_close_matches(column, known, 1, 0.6)
            hint = f"did you mean {called(close[0])}? It has" if close else "it has"
            why = f"the file has no such column ({setting}); {hint} {', '.join(map(called, known)) or 'none'}"
            line = None if header is None else 1
            raise DataError(worded(where, why, line=line, column=called(column), row=header))


def _content(
    raw: pl.DataFrame, source: str, kind: str, ids: str, where: str, place: Place, separator: str | None
) -> pl.Series:
    column, dtype = raw[source], raw.schema[source]
    lists = isinstance(dtype, pl.List | pl.Array)
    if kind == "text" and not lists:
        return column.cast(pl.String)
    if kind == "attributes":
        if lists:
            return raw.select(names(source)).to_series()
        return raw.select(several(source, separator) if separator else one(source)).to_series()
    if kind == "numbers" and dtype.is_numeric():
        return column
    if kind == "vectors" and lists and dtype.inner.is_numeric():  # type: ignore[union-attr]
        return vectors(column.cast(pl.List(pl.Float64)), raw[ids], where, place)
    if kind == "vectors" and dtype == pl.String:
        return vectors(_numbers(column), raw[ids], where, place)
    raise DataError(f"{where}, column {source}: {dtype} is nothing that {kind} can be made of")


def _numbers(texts: pl.Series) -> pl.Series:
    """Numbers in a text, whatever stands between them: `0.1 0.2`, `[0.1, 0.2]`, `0.1|0.2`."""
    numbers = texts.str.strip_chars(" []()").str.replace_all(r"[\s,;|]+", " ").str.split(" ")
    return numbers.cast(pl.List(pl.Float64), strict=False)


def item_content(source: Declares) -> Declared:
    """The content columns of the item table."""
    return Declared(text=source.text, attributes=source.attributes, numbers=source.numbers, vectors=source.vectors)


def user_content(source: Declares) -> Declared:
    """The content columns of the user table."""
    return Declared(
        text=source.users_text,
        attributes=source.users_attributes,
        numbers=source.users_numbers,
        prefix="dataset.users_",
    )
