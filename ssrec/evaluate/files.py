"""Files of rankings: user, item, and rank or score; text or Parquet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import polars as pl

from ssrec.data.files.delimited import read_header
from ssrec.data.files.layout import BadRows, Kind, shown
from ssrec.data.files.places import Place, in_parquet, in_text, one_after_the_other
from ssrec.data.ids import ids_of
from ssrec.data.sources.declared import check_columns
from ssrec.data.sources.table_files import Text, find, format_of, read_file, scan
from ssrec.data.sources.table_reading import concatenated
from ssrec.errors import DataError, UserError

FLAG = "--rankings"
IDS, ORDERS = ("user", "item"), ("rank", "score")


@final
@dataclass(frozen=True)
class Given:
    """Rankings as a file has them, a row for each listed item, in its order.

    `table` has user and item (Int64 or text), and rank (Float64, whole, the smallest is best) or score (Float64, the
    highest is best, maybe NaN) or both.
    """

    table: pl.DataFrame
    files: Sequence[Path]
    place: Place

    @property
    def orders(self) -> tuple[str, ...]:
        """Which of rank and score there are."""
        return tuple(order for order in ORDERS if order in self.table.columns)

    def refuse(self, wrong: pl.Series, column: str, why: Callable[[int], str]) -> None:
        """Refuse the file for its first row that is wrong in a column, if there is one; `why` words it.

        Raises:
            DataError: names the row.
        """
        if (row := wrong.arg_max()) is not None and wrong[row]:
            raise DataError(self.place(row).says(why(row), column))


def read_rankings(name: str, columns: Mapping[str, str]) -> Given:
    """The rankings in a file, in files that match a pattern, or in a folder of Parquet files.

    Args:
        name: of the file, pattern or folder; `.csv`, `.tsv` (both maybe `.gz`) or `.parquet`.
        columns: what the files call user, item, rank and score, where they do not call them so.

    Raises:
        UserError: `columns` names something else.
        DataError: there is no such file, it lacks a column or a value, or has one that is no rank or score.
    """
    for role in columns:
        if role not in (*IDS, *ORDERS):
            raise UserError(f"--columns {role}={columns[role]}: rankings have user, item, rank and score")
    files = find(FLAG, name)
    if format_of(FLAG, files[0].name) == "json":
        raise DataError(f"{FLAG} {name}: rankings are read from .csv, .tsv, .csv.gz, .tsv.gz or .parquet")
    roles = _roles(files[0], columns)
    read = [_read(file, roles) for file in files]
    tables = concatenated([table for table, _ in read], IDS)
    place = one_after_the_other([(len(table), place) for table, place in read])
    return _numbers(Given(tables, files, place), roles)


def _roles(file: Path, columns: Mapping[str, str]) -> dict[str, str]:
    """What stands in which column; rank and score where they are named, else where they are there."""
    has = _header(file)
    named = [order for order in ORDERS if order in columns]
    orders = named or [order for order in ORDERS if order in has]
    if not orders:
        raise DataError(
            f"{file} has no column rank or score; it has {', '.join(has)}: name one with --columns score=<column>"
        )
    return {role: columns.get(role, role) for role in (*IDS, *orders)}


def _header(file: Path) -> list[str]:
    if format_of(FLAG, file.name) == "parquet":
        return scan([file], []).collect_schema().names()
    return read_header(file, separator=Text().separator_of(file), quote='"')


def _read(file: Path, roles: Mapping[str, str]) -> tuple[pl.DataFrame, Place]:
    wanted = [(f"--columns {role}=", column) for role, column in roles.items()]
    if format_of(FLAG, file.name) == "parquet":
        table = scan([file], wanted).select(pl.col(column).alias(role) for role, column in roles.items())
        ids = [ids_of(str(file), role, table) for role in IDS]
        try:
            return table.with_columns(ids).collect(), in_parquet(file, scan([file], wanted), BadRows(), roles)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
            raise DataError(f"{file} cannot be read as Parquet: {str(e).splitlines()[0]}") from e
    kinds: dict[str, Kind] = {column: int | str if role in IDS else str for role, column in roles.items()}
    names = _header(file)
    check_columns(file, names, wanted, Text().separator_of(file).join(names))
    table = read_file(file, kinds, wanted=wanted, optional=kinds, text=Text(), bad=BadRows())
    table = table.select(pl.col(column).alias(role) for role, column in roles.items())
    return table, in_text(Text().origin(file), BadRows(), roles)


def _numbers(given: Given, roles: Mapping[str, str]) -> Given:
    """The same with ranks and scores as numbers, if they all are."""
    table = given.table
    if table.is_empty():
        raise DataError(f"{given.files[0]} has a header and no row")
    for role in roles:
        given.refuse(table[role].is_null(), role, lambda row, role=role: f"{role} is missing; every row has one")
    for order in given.orders:
        texts = table[order]
        if not (texts.dtype.is_numeric() or texts.dtype == pl.String):
            raise DataError(f"{given.files[0]}: {roles[order]} is {texts.dtype}; {order}s are numbers")
        numbers = (texts.str.strip_chars() if texts.dtype == pl.String else texts).cast(pl.Float64, strict=False)
        wrong = numbers.is_null()
        if order == "rank":
            wrong |= ~numbers.is_finite().fill_null(False) | (numbers != numbers.floor()).fill_null(True)
        what = "whole numbers, the smallest for the best" if order == "rank" else "numbers, or nan where there is none"
        said = f"{order} is {{}}; {order}s are {what}"
        given.refuse(wrong, order, lambda row, t=texts, said=said: said.format(shown(str(t[row]))))
        table = table.with_columns(numbers.alias(order))
    return Given(table, given.files, given.place)
