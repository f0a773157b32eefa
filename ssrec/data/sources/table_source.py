"""Whatever lies in a table with a column for users and one for items."""

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import final

from ssrec.data.files.layout import BadRows
from ssrec.data.source import Source, Tables
from ssrec.data.sources.content import agree
from ssrec.data.sources.declared import Columns, item_content, user_content
from ssrec.data.sources.named import check_name, check_without_history
from ssrec.data.sources.table_files import Text, find
from ssrec.data.sources.table_places import place_of
from ssrec.data.sources.table_reading import read_content, read_events
from ssrec.errors import CompositionError

ROLES = ("user", "item", "time", "weight", "part")
TABLES = ("interactions", "items", "users")


@final
@dataclass(frozen=True, kw_only=True)
class TableSource(Source):
    """Files, patterns (`events-*.csv.gz`) or partitioned Parquet folders of interactions, items and users.

    `columns` says what the files call user, item, time, weight (a rating, or a number of plays) and part (train, val,
    test); null: not there. The kinds of the content columns of the item table are declared: `text`, `attributes`
    (categories; `list_separator` cuts texts into several), `numbers` and `vectors`; `users_*` are those of the users.
    Interactions in Parquet stay lazy. Users with held-out parts and no training part are an error, or stay
    (`without_history=keep`) with an empty past.
    """

    interactions: str
    items: str | None = None
    users: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    time_format: str = "seconds"
    text: Columns = None
    attributes: Columns = None
    numbers: Columns = None
    vectors: Columns = None
    users_text: Columns = None
    users_attributes: Columns = None
    users_numbers: Columns = None
    list_separator: str | None = None
    separator: str | None = None
    encoding: str = "utf-8"
    without_history: str = "error"
    name: str = "table"  # type: ignore[override]

    def __post_init__(self) -> None:
        check_name(self.name)
        check_without_history(self.without_history)
        for role in self.columns:
            if role not in ROLES:
                raise CompositionError(f"dataset.columns.{role} is nothing that interactions have: {', '.join(ROLES)}")
        for role in ("user", "item"):
            if self.columns.get(role, role) is None:
                raise CompositionError(f"dataset.columns.{role}=null: every interaction has a {role}")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise CompositionError(
                f"dataset.encoding={self.encoding} is none that Python knows; for example utf-8, latin-1, cp1252"
            ) from None
        for table, content in (("items", item_content(self)), ("users", user_content(self))):
            names = ", ".join(column.name for column in content)
            if names and getattr(self, table) is None:
                raise CompositionError(f"dataset.{table}=null has no column {names}: name the file that has")
        if len(set(self.roles.values())) < len(self.roles):
            raise CompositionError(f"dataset.columns: one column stands for two things in {self.roles}")

    @property
    def roles(self) -> dict[str, str]:
        """What interactions have, and what the files call it."""
        default = {"user": "user", "item": "item", "time": "time"}
        return {role: column for role, column in {**default, **self.columns}.items() if column is not None}

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]
        events = [f"{role}s" for role in ("time", "weight", "part") if role in self.roles]
        return frozenset(
            [*events, *(c.name for c in item_content(self)), *(f"user.{c.name}" for c in user_content(self))]
        )

    @property
    def settings(self) -> Mapping[str, object]:
        return {
            "columns": self.roles,
            "files": [len(self._found(table)) for table in TABLES],  # which of them are whose
            "time_format": self.time_format,
            "items": item_content(self).settings if self.items else None,
            "users": user_content(self).settings if self.users else None,
            "list_separator": self.list_separator,
            "separator": self.separator,
            "encoding": self.encoding,
            "without_history": self.without_history,
        }

    def files(self, raw: Path) -> list[Path]:
        return [file for table in TABLES for file in self._found(table)]

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        rest = iter(files)
        events, items, users = (list(islice(rest, len(self._found(table)))) for table in TABLES)
        text = Text(self.separator, self.encoding)
        interactions = read_events(events, self.roles, self.time_format, text, bad)
        catalogue = read_content(items, item_content(self), "item", self.roles["item"], self.list_separator, text, bad)
        people = read_content(users, user_content(self), "user", self.roles["user"], self.list_separator, text, bad)
        interactions, catalogue = agree("item", interactions, catalogue)
        interactions, people = agree("user", interactions, people)
        named = zip(TABLES, (events, items, users), strict=True)
        ours = {
            "interactions": self.roles,
            "items": item_content(self).ours("item", self.roles["item"]),
            "users": user_content(self).ours("user", self.roles["user"]),
        }
        places = {table: place_of(found, text, bad, ours[table]) for table, found in named if found}
        return Tables(interactions, catalogue, people, places=places, without_history=self.without_history)

    def _found(self, table: str) -> list[Path]:
        named = getattr(self, table)
        return find(f"dataset.{table}", named) if named is not None else []
