"""RecBole's atomic files (Zhao et al., CIKM 2021): tab-separated tables whose headers name each column's type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import final

import polars as pl

from ssrec.data.files.delimited import read_header, read_table
from ssrec.data.files.layout import BadRows, Kind, called, worded
from ssrec.data.files.places import in_text, one_after_the_other
from ssrec.data.files.refused import Origin
from ssrec.data.files.times import with_seconds
from ssrec.data.source import Source, Tables
from ssrec.data.sources.content import agree
from ssrec.data.sources.declared import Columns, Declared, check_columns, item_content, user_content
from ssrec.data.sources.named import check_name, check_without_history, named_file, named_folder
from ssrec.data.sources.table_reading import concatenated
from ssrec.errors import CompositionError, DataError

TYPES = {"token", "token_seq", "float", "float_seq"}
SUITS = {"text": {"token", "token_seq"}, "attributes": {"token", "token_seq"}, "numbers": {"float", "token"}}


@final
@dataclass(frozen=True, kw_only=True)
class RecBole(Source):
    """`<stem>.inter` and, where content is declared, `<stem>.item` and `<stem>.user` in a folder.

    `user`, `item`, `time` and `weight` are the names in the headers; times are seconds. `parts` names the files of a
    given split, as in {train: train, val: valid, test: test} for `<stem>.train.inter` and its like. Of a token that is
    to be a number, words such as `unknown` are missing. Users with held-out and no training events are an error, or
    stay (`without_history=keep`) with an empty past.
    """

    path: str
    stem: str | None = None
    user: str = "user_id"
    item: str = "item_id"
    time: str | None = "timestamp"
    weight: str | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    text: Columns = None
    attributes: Columns = None
    numbers: Columns = None
    vectors: Columns = None
    users_text: Columns = None
    users_attributes: Columns = None
    users_numbers: Columns = None
    without_history: str = "error"
    name: str = "recbole"  # type: ignore[override]

    def __post_init__(self) -> None:
        check_name(self.name)
        check_without_history(self.without_history)
        if unknown := set(self.parts) - {"train", "val", "test"}:
            raise CompositionError(f"dataset.parts.{min(unknown)} is no part; they are train, val, test")
        if self.parts and "train" not in self.parts:
            raise CompositionError("dataset.parts has no train")
        _ = self.offers  # declares the columns

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]
        events = {"times": self.time, "weights": self.weight, "parts": self.parts}
        users = (f"user.{column.name}" for column in user_content(self))
        return frozenset(chain((x for x, y in events.items() if y), (c.name for c in item_content(self)), users))

    @property
    def settings(self) -> Mapping[str, object]:
        columns = [self.user, self.item, self.time, self.weight]
        content = {"items": item_content(self).settings, "users": user_content(self).settings}
        return {"columns": columns, "parts": list(self.parts), **content, "without_history": self.without_history}

    def files(self, raw: Path) -> list[Path]:
        folder = named_folder("dataset.path", self.path)
        ends = [f".{part}.inter" for part in self.parts.values()] or [".inter"]
        stem = self.stem or _stem(folder, ends[0])
        names = [stem + end for end in ends]
        names += [f"{stem}.item"] if [*item_content(self)] else []
        names += [f"{stem}.user"] if [*user_content(self)] else []
        return [named_file("dataset.path", str(folder / name)) for name in names]

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        inter = [file for file in files if ".inter" in file.suffixes]
        events = [self._events(file, bad) for file in inter]
        roles = {"user": self.user, "item": self.item, "time": self.time, "weight": self.weight}
        sizes, at = map(len, events), (in_text(_origin(file), bad, _named(file, roles)) for file in inter)
        places = {"interactions": one_after_the_other(list(zip(sizes, at, strict=True)))}
        if self.parts:
            events = [table.with_columns(part=pl.lit(part)) for part, table in zip(self.parts, events, strict=True)]
        content = {kind: file for file in files for kind in (".item", ".user") if kind in file.suffixes}
        places |= {f"{kind[1:]}s": in_text(_origin(file), bad, _named(file, roles)) for kind, file in content.items()}
        items = _content(content.get(".item"), item_content(self), "item", self.item, bad)
        users = _content(content.get(".user"), user_content(self), "user", self.user, bad)
        interactions, items = agree("item", concatenated(events, ("user", "item")), items)
        interactions, users = agree("user", interactions, users)
        return Tables(interactions, items, users, places=places, without_history=self.without_history)

    def _events(self, path: Path, bad: BadRows) -> pl.DataFrame:
        roles = {"user": self.user, "item": self.item, "time": self.time, "weight": self.weight}
        wanted = {role: column for role, column in roles.items() if column}
        types = _types(path, [(f"dataset.{role}", column) for role, column in wanted.items()])
        kinds: dict[str, Kind] = {"user": int | str, "item": int | str, "time": int | float, "weight": float}
        columns = {f"{column}:{types[column]}": kinds[role] for role, column in wanted.items()}
        table = read_table(path, columns, separator="\t", header=True, optional=columns, ends=False, bad=bad)
        table = table.rename(dict(zip(columns, wanted, strict=True)))
        if not self.time:
            return table
        named = f"{self.time}:{types[self.time]}"
        return with_seconds(table, "time", "seconds", origin=_origin(path), bad=bad, named=named)


def _content(path: Path | None, content: Declared, key: str, ids: str, bad: BadRows) -> pl.DataFrame | None:
    if path is None:
        return None
    types = _types(path, [(f"dataset.{key}", ids), *content.wanted])
    for column in content:
        suits = SUITS.get(column.kind, {"float_seq"})
        if types[column.source] not in suits:
            why = f"a {types[column.source]}, and {column.setting} takes {' or '.join(sorted(suits))}"
            header = read_header(path, separator="\t")
            raise DataError(worded(path, why, line=1, column=called(column.source), row="\t".join(header)))
    numbers = {column.source for column in content if column.kind == "numbers"}
    kinds: dict[str, Kind] = {c.source: float if types[c.source] == "float" else str for c in content}
    columns = {f"{name}:{types[name]}": kind for name, kind in {**kinds, ids: int | str}.items()}
    optional = {name for name in columns if name != f"{ids}:{types[ids]}"}
    raw = read_table(path, columns, separator="\t", header=True, optional=optional, ends=False, bad=bad)
    raw = raw.rename({name: name.rpartition(":")[0] for name in columns})
    # A sequence of tokens has blanks between them; a single token may hold blanks.
    lists = {c.source for c in content if c.kind == "attributes" and types[c.source] == "token_seq"}
    raw = raw.with_columns(pl.col(column).str.split(" ") for column in lists)
    tokens = [pl.col(c).cast(pl.Float64, strict=False) for c in sorted(numbers) if types[c] == "token"]
    raw = raw.with_columns(pl.when(number.is_finite()).then(number) for number in tokens)
    ours = _named(path, content.ours(key, ids))
    return content.table(raw, key, ids, str(path), None, in_text(_origin(path), bad, ours))


def _origin(path: Path) -> Origin:
    return Origin(path, header=True, separator="\t")


def _types(path: Path, wanted: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The type of each column, as its header `name:type` says."""
    types, header = {}, read_header(path, separator="\t")
    for place, column in enumerate(header, 1):
        name, colon, kind = column.rpartition(":")
        if not colon or kind not in TYPES:
            why = "no header; a name and a type belong here, as in user_id:token"
            raise DataError(worded(path, why, line=1, column=called(column, place), row="\t".join(header)))
        types[name] = kind
    check_columns(path, types, wanted, "\t".join(header))
    return types


def _named(path: Path, ours: Mapping[str, str | None]) -> dict[str, str]:
    """The columns, with their types, that a file has of those that settings name, by our names."""
    full = {column.rpartition(":")[0]: column for column in read_header(path, separator="\t")}
    return {name: full[theirs] for name, theirs in ours.items() if theirs in full}


def _stem(folder: Path, end: str) -> str:
    """What comes before `end` in the folder's only file that has it, or in the one that is called as the folder."""
    found = sorted({file.name.removesuffix(".gz").removesuffix(end) for file in folder.glob(f"*{end}*")})
    if folder.name in found:
        return folder.name
    if len(found) != 1:
        has = f"several files *{end}; say which by dataset.stem: {', '.join(found)}" if found else f"no file *{end}"
        raise DataError(f"dataset.path={folder} has {has}")
    return found[0]
