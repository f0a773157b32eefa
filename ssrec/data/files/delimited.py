"""Text tables, as csv and tsv, read in blocks: typed at once, and row by row only where a block holds a bad row."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import polars as pl

from ssrec.data.files.blocks import Block, blocks, outside, well_quoted
from ssrec.data.files.delimited_rows import good_rows, records
from ssrec.data.files.layout import BadRows, Kind, Range, called, check_count, worded
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
        columns: name and kind (`int`, `float`, `str`, or `int | str` and `int | float`: integers where all are, else
            text). Without header they are all columns in order, and those whose names start with `_` are left out;
            with a header they are looked up there.
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
        first = bad.rows[before]  # all were refused, and skipped
        raise DataError(worded(path, f"no line can be read: {first.why}", line=first.line, row=first.row))
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
        text = block.content[:end].decode()
        why = "lines that end with \\r alone, as on old Macs; save the file with \\n"
        raise DataError(worded(path, why, line=1, column=text.index("\r") + 1, row=text.rstrip("\n")))
    row = next(records(Block(block.line, block.content[:end]), separator, quote))
    if row.fields is None:
        why = "no header; a quote is not closed, or stands inside a name"
        raise DataError(worded(path, why, line=1, column=row.whole + 1, row=row.text))
    size = len(row.text.encode()) + 1
    return row.fields, Block(block.line + row.text.count("\n") + 1, block.content[size:])


def _check_names(path: Path, names: Sequence[str], columns: Mapping[str, Kind], separator: str) -> None:
    wrong = [name for name in columns if names.count(name) != 1]
    if wrong:
        again = [place for place, name in enumerate(names, 1) if name == wrong[0]][1:2]
        says = "twice in the header" if again else "missing in the header"
        why = f"{says}; it should be one with {', '.join(columns)}"
        column = called(wrong[0], *again)
        raise DataError(worded(path, why, line=1, column=column, row=separator.join(names)))


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
    if not rows or between != rows * (len(layout.fields) - 1) or (quote and not well_quoted(content, separator, quote)):
        return None
    raw = _typed(layout, content, separator, quoted, whole=True)
    if raw is None and layout.whole:
        raw = _typed(layout, content, separator, quoted, whole=False)
    if raw is None or len(raw) != rows:
        return None
    ints = {name for name in raw.columns if raw.schema[name] == pl.Int64}
    texts = [layout.text(name, pl.col(f"{i}"), numbers=f"{i}" in ints) for name, (i, _) in layout.wanted.items()]
    table = layout.with_ids(raw.select(texts))
    wrong = table.select(layout.wrong(name).any() for name in layout.wanted)
    return None if any(wrong.row(0)) else table


def _typed(layout: Layout, content: bytes, separator: bytes, quoted: bool, *, whole: bool) -> pl.DataFrame | None:
    """All columns of a block, those that may be integers as such if `whole`; None where one is of another type."""
    types = {name: NUMBERS[kind] for name, kind in layout.numbers.items()}
    types |= dict.fromkeys(layout.whole, pl.Int64) if whole else {}
    by_place = {place: types.get(name, pl.String) for name, (place, _) in layout.wanted.items()}
    try:
        return pl.read_csv(
            content,
            has_header=False,
            separator=separator.decode(),
            quote_char=layout.quote if quoted else None,
            schema={f"{i}": by_place.get(i, pl.String) for i in range(len(layout.fields))},
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
