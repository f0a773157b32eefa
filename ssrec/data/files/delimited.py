"""Text tables, as csv and tsv, read in blocks: typed at once, and row by row only where a block holds a bad row."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import polars as pl

from ssrec.data.files.blocks import Block, blocks, outside
from ssrec.data.files.delimited_rows import good_rows, records
from ssrec.data.files.layout import BadRows, Kind, Range, check_count, shown
from ssrec.data.files.table_layout import NUMBERS, Layout
from ssrec.errors import DataError

_ONE = b"\x1f"  # stands for a separator of several characters: polars takes one byte


def read_table(
    path: Path,
    columns: Mapping[str, Kind],
    *,
    separator: str,
    header: bool = False,
    optional: Collection[str] = (),
    ranges: Mapping[str, Range] | None = None,
    encoding: str = "utf-8",
    quote: str | None = None,
    rows: int | None = None,
    ends: bool = True,
    bad: BadRows,
) -> pl.DataFrame:
    """The chosen columns of a text table.

    Args:
        path: the file; `.gz` is decompressed.
        columns: name and kind (`int`, `float`, `str`, or `int | str`: integers where all are, else text). Without
            header they are all columns in order, and those whose names start with `_` are left out; with a header
            they are looked up there.
        separator: between fields, one or more characters.
        header: whether the first row has the names.
        optional: columns that may be empty, which is null.
        ranges: least and largest value of columns of numbers.
        encoding: of the file.
        quote: what encloses fields that hold separators, line ends or, doubled, itself (RFC 4180).
        rows: the published number of rows.
        ends: whether the last line has an end; one that should and has none is truncated.
        bad: where rows go that have another number of fields, or a field of another kind.

    Raises:
        DataError: the file is empty, truncated or no text, lacks a column or a row, or has a bad row.
    """
    parts: list[pl.DataFrame] = []
    layout, before = None, len(bad.rows)
    for block in blocks(path, encoding=encoding, quote=quote, ends=ends, bad=bad):
        if layout is None:
            names = list(columns)
            if header:
                names, block = _header(path, block, separator, quote)
                _check_names(path, names, columns, separator)
            wanted = {name: (names.index(name), kind) for name, kind in columns.items() if header or name[0] != "_"}
            layout = Layout(path, names, wanted, separator, quote, optional, ranges or {})
        table = _at_once(layout, block)
        parts.append(good_rows(layout, block, bad) if table is None else table)
    if layout is None:
        raise DataError(f"{path}: no line can be read")  # all were refused, and skipped
    good = sum(map(len, parts))
    if rows is not None:
        check_count(path, good + len(bad.rows) - before, rows)
    bad.check_some_good(path, good, before)
    return layout.joined(parts)


def read_header(path: Path, *, separator: str, encoding: str = "utf-8", quote: str | None = None) -> list[str]:
    """The names in a file's first row.

    Raises:
        DataError: the file is empty or no text.
    """
    stream = blocks(path, encoding=encoding, quote=quote, ends=False, bad=BadRows())
    return _header(path, next(stream), separator, quote)[0]


def _header(path: Path, block: Block, separator: str, quote: str | None) -> tuple[list[str], Block]:
    """The names, and the block without them."""
    end = block.content.index(b"\n") + 1
    while quote and block.content.count(quote.encode(), 0, end) % 2 and end < len(block.content):
        end = block.content.index(b"\n", end) + 1
    if len(outside(block.content[:end], b"\r", quote.encode() if quote else None)):
        raise DataError(f"{path}, line 1: lines that end with \\r alone, as on old Macs; save the file with \\n")
    row = next(records(Block(block.line, block.content[:end]), separator, quote))
    if row.fields is None:
        raise DataError(f"{path}, line 1: {shown(row.text)} is no header")
    size = len(row.text.encode()) + 1
    return row.fields, Block(block.line + row.text.count("\n") + 1, block.content[size:])


def _check_names(path: Path, names: Sequence[str], columns: Mapping[str, Kind], separator: str) -> None:
    wrong = [name for name in columns if names.count(name) != 1]
    if wrong:
        says = "twice" if wrong[0] in names else "missing"
        raise DataError(
            f"{path}, line 1: the header should be one with {', '.join(columns)}; {wrong[0]} is {says} in "
            f"{shown(separator.join(names))}"
        )


def _at_once(layout: Layout, block: Block) -> pl.DataFrame | None:
    """A block's rows, typed by polars; None where not all is as it should be."""
    content, separator = block.content, layout.separator.encode()
    quote = layout.quote.encode() if layout.quote else None
    if b"\r" in content or (quote and len(quote) > 1):
        return None  # polars takes some for line ends
    if len(separator) > 1:
        if _ONE in content:
            return None
        content, separator = content.replace(separator, _ONE), _ONE
    quoted = quote is not None and quote in content
    rows = len(outside(content, b"\n", quote)) if quoted else content.count(b"\n")
    between = len(outside(content, separator, quote)) if quoted else content.count(separator)
    if not rows or between != rows * (len(layout.fields) - 1):
        return None
    types = {i: NUMBERS[layout.numbers[name]] for name, (i, _) in layout.wanted.items() if name in layout.numbers}
    try:
        raw = pl.read_csv(
            content,
            has_header=False,
            separator=separator.decode(),
            quote_char=layout.quote if quoted else None,
            schema={f"{i}": types.get(i, pl.String) for i in range(len(layout.fields))},
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if len(raw) != rows:
        return None
    table = layout.with_ids(raw.select(layout.text(name, pl.col(f"{i}")) for name, (i, _) in layout.wanted.items()))
    wrong = table.select(layout.wrong(name).any() for name in layout.wanted)
    return None if any(wrong.row(0)) else table
