"""Tables in files of whatever format, told by extension: text, JSON lines, Parquet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Literal, final

import polars as pl

from ssrec.data.files.delimited import read_header, read_table
from ssrec.data.files.json_lines import read_json_lines
from ssrec.data.files.layout import BadRows, Kind, called, worded
from ssrec.data.files.refused import Origin
from ssrec.data.sources.declared import check_columns
from ssrec.errors import DataError

Format = Literal["text", "json", "parquet"]
SEPARATORS = {".csv": ",", ".tsv": "\t"}
FORMATS: Mapping[str, Format] = {
    **dict.fromkeys(SEPARATORS, "text"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
}
KNOWN = ", ".join(e if kind == "parquet" else f"{e}, {e}.gz" for e, kind in FORMATS.items())


@final
@dataclass(frozen=True)
class Text:
    """How text is written; without a separator the extension says it."""

    separator: str | None = None
    encoding: str = "utf-8"

    def separator_of(self, file: Path) -> str:
        return self.separator or SEPARATORS[Path(file.name.removesuffix(".gz")).suffix]

    def origin(self, file: Path) -> Origin:
        """How the rows of a text table or of JSON lines stand in their file."""
        if format_of(str(file), file.name) == "json":
            return Origin(file)
        return Origin(file, header=True, separator=self.separator_of(file), quote='"', encoding=self.encoding)


def format_of(setting: str, name: str) -> Format:
    """The format that the end of a file's name says.

    Raises:
        DataError: nobody knows it.
    """
    kind = FORMATS.get(Path(name.removesuffix(".gz")).suffix)
    if kind is None or (kind == "parquet" and name.endswith(".gz")):
        raise DataError(f"{setting}={name}: the extension of a table is one of {KNOWN}")
    return kind


def find(setting: str, name: str) -> list[Path]:
    """The file that a setting names, those that match its pattern, or the Parquet files in its folder, in order.

    Raises:
        DataError: there is none.
    """
    path = Path(name)
    if path.is_dir():
        inside = [p for p in path.rglob("*") if FORMATS.get(p.suffix) == "parquet" and p.is_file()]
        files = sorted(p for p in inside if not any(x[0] in "._" for x in p.relative_to(path).parts))
        if not files:
            raise DataError(f"{setting}={name} is a folder without Parquet files")
        return files
    matches = [path] if path.is_file() else [Path(p) for p in sorted(glob(name, recursive=True))]
    files = [file for file in matches if file.is_file()]
    if not files:
        said = "matches no file" if has_magic(name) else "is no file"
        raise DataError(f"{setting}={name} {said}; name a file, a pattern such as events-*.csv, or a Parquet folder")
    kinds = {format_of(setting, file.name) for file in files}
    if len(kinds) > 1:
        raise DataError(f"{setting}={name} matches files of several formats: {', '.join(sorted(kinds))}")
    return files


def read_file(
    file: Path,
    columns: Mapping[str, Kind],
    *,
    wanted: Sequence[tuple[str, str]],
    optional: Collection[str],
    text: Text,
    bad: BadRows,
) -> pl.DataFrame:
    """The columns of a text table with a header, or of JSON lines.

    Raises:
        DataError: the file lacks a column that a setting names, or is broken.
    """
    if format_of(str(file), file.name) == "json":
        return read_json_lines(file, columns, optional=optional, bad=bad)
    separator = text.separator_of(file)
    names = read_header(file, separator=separator, encoding=text.encoding, quote='"')
    if any(column not in names for _, column in wanted) and any(map(_is_number, names)):
        why = f"this seems to be no header; write one above it, with {', '.join(column for _, column in wanted)}"
        raise DataError(worded(file, why, line=1, column=1, row=separator.join(names)))
    check_columns(file, names, wanted, separator.join(names))
    return read_table(
        file,
        columns,
        separator=separator,
        header=True,
        optional=optional,
        encoding=text.encoding,
        quote='"',
        ends=False,
        bad=bad,
    )


def scan(files: Sequence[Path], wanted: Sequence[tuple[str, str]]) -> pl.LazyFrame:
    """Parquet files as one table, with the columns that their folders name (`day=2024-01-31/`).

    Raises:
        DataError: a file is broken, lacks a column that a setting names, or has another type in it than the first.
    """
    first: pl.Schema | None = None
    for file in files:
        try:
            schema = parquet([file]).collect_schema()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
            raise unreadable(file, e) from e
        check_columns(file, schema, wanted)
        first = first or schema
        for _, column in wanted:
            if schema[column] != first[column]:
                why = f"{schema[column]}, where {files[0]} has {first[column]}; a column has one type in all files"
                raise DataError(worded(file, why, column=called(column)))
    return parquet(files)


def unreadable(file: Path | str, e: BaseException) -> DataError:
    """The error of a file that should be Parquet."""
    if Path(file).is_file() and not Path(file).stat().st_size:
        return DataError(worded(file, "the file is empty; a Parquet table belongs in it"))
    return DataError(f"{file} cannot be read as Parquet: {str(e).partition(chr(10))[0]}")


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def parquet(files: Sequence[Path]) -> pl.LazyFrame:
    """Parquet files that are alike as one table, unchecked."""
    return pl.scan_parquet(
        list(files),
        glob=False,
        hive_partitioning=True,
        try_parse_hive_dates=False,
        missing_columns="insert",  # those that are read are in every file: `scan` has looked
        extra_columns="ignore",
    )
