"""A block of a text table, row by row: finds the bad rows, says why, and gives the good ones."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import final

import polars as pl

from ssrec.data.files.blocks import Block
from ssrec.data.files.layout import BadRows, called, shown
from ssrec.data.files.table_layout import NUMBERS, Layout

ROWS = 1 << 16  # looked at together
_WORDS = {int: "integer", float: "finite number"}


@final
@dataclass(frozen=True)
class Record:
    """A row, its first line in the file, and its fields; None where quotes are broken, in the field after `whole`."""

    line: int
    text: str
    fields: list[str] | None
    whole: int = 0


def records(block: Block, separator: str, quote: str | None) -> Iterator[Record]:
    """The rows of a block; a row with broken quotes ends at its line's end."""
    text, line, start = block.content.decode(), block.line, 0
    if not quote:
        for k, row in enumerate(text.split("\n")[:-1]):
            yield Record(line + k, row, row.split(separator))
        return
    q, s = re.escape(quote), re.escape(separator)
    field = re.compile(rf"(?:{q}((?:[^{q}]|{q}{q})*+){q}|((?:(?!{s})[^{q}\n])*+))({s}|\n)")
    while start < len(text):
        fields: list[str] | None = []
        at, end, whole = start, "", 0
        while end != "\n":
            found = field.match(text, at)
            if not found:
                fields, at, whole = None, text.index("\n", start) + 1, len(fields)
                break
            fields.append(found[2] if found[1] is None else found[1].replace(quote * 2, quote))
            at, end = found.end(), found[3]
        row = text[start : at - 1]
        yield Record(line, row, fields, whole)
        line, start = line + row.count("\n") + 1, at


def good_rows(layout: Layout, block: Block, bad: BadRows) -> pl.DataFrame:
    """A block's good rows; the bad ones are refused in order."""
    rows, parts = records(block, layout.separator, layout.quote), []
    while some := list(islice(rows, ROWS)):
        parts.append(_good(layout, some, bad))
    return layout.with_ids(pl.concat(parts or [_good(layout, [], bad)]))


def _good(layout: Layout, every: Sequence[Record], bad: BadRows) -> pl.DataFrame:
    whole = [r for r in every if r.fields is not None and len(r.fields) == len(layout.fields)]
    places = {name: i for name, (i, _) in layout.wanted.items()}
    text = pl.DataFrame(
        {name: [r.fields[i] for r in whole] for name, i in places.items()},  # type: ignore[index]
        schema=dict.fromkeys(places, pl.String),
    )
    numbers = layout.numbers
    table = text.select(
        pl.col(name).str.strip_chars().cast(NUMBERS[numbers[name]], strict=False)
        if name in numbers
        else layout.text(name, pl.col(name))
        for name in places
    )
    # An optional number is missing where nothing is written, and wrong where something else is.
    masks = table.select(layout.wrong(name) for name in places).with_columns(
        pl.col(name) | (table[name].is_null() & (text[name].str.strip_chars() != "")) for name in numbers
    )
    wrong = masks.select(pl.any_horizontal(pl.all())).to_series()
    problems = [(r, None) for r in every if r.fields is None or len(r.fields) != len(layout.fields)]
    problems += [(whole[k], masks.row(k).index(True)) for k in wrong.arg_true()]
    for record, column in sorted(problems, key=lambda p: p[0].line):
        _refuse(layout, record, column, bad)
    return table.filter(~wrong)


def _refuse(layout: Layout, record: Record, nth: int | None, bad: BadRows) -> None:
    """A row and the first of its wanted columns that is wrong, None where the row as a whole is."""
    if nth is None:
        place, why = _broken(layout, record)
        column = called(layout.fields[place], place + 1) if place < len(layout.fields) else place + 1
        bad.refuse(layout.path, record.line, why, record.text, column)
        return
    name, (place, _) = list(layout.wanted.items())[nth]
    kind, value = layout.numbers[name], (record.fields or [])[place]
    number = pl.Series([value.strip()]).cast(NUMBERS[kind], strict=False)[0]
    if number is not None and name in layout.ranges and number - number == 0:
        low, high = layout.ranges[name]
        why = f"a {name} is {low:g} to {high:g}, not {number:g}"
    else:
        why = f"{shown(value)} is no {_WORDS[kind]}"
    bad.refuse(layout.path, record.line, why, record.text, called(layout.fields[place], place + 1))


def _broken(layout: Layout, record: Record) -> tuple[int, str]:
    """The first field that is missing, too much or no field, from 0, and what is wrong."""
    if record.fields is None:
        return record.whole, f"a {layout.quote} that no other closes, or that stands inside a field; double it inside"
    names = ", ".join(layout.fields[:6]) + (", ..." if len(layout.fields) > 6 else "")
    found, wanted = len(record.fields), len(layout.fields)
    wrong = "missing" if found < wanted else f"{_count(found - wanted)} too many"
    rule = f"a row has {_count(wanted)} separated by {layout.separator!r} ({names}), and this one {found}"
    return min(found, wanted), f"{wrong}; {rule}"


def _count(fields: int) -> str:
    return f"{fields} field" + ("s" if fields > 1 else "")
