"""`table.yaml`: the tables that a question asks for, their rows with seeds, and the values that others published."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ssrec.arguments import takes, worded
from ssrec.compose import nearest
from ssrec.errors import CompositionError, DataError
from ssrec.reproduce.reference import Reference, reference

FILE = "table.yaml"
ELSEWHERE = {
    "seed": "it belongs under seeds",
    "study": "runs go to the study <question>/<table>",
    "init": "a run of a table starts from nothing, or from the pretraining that it names itself",
    "outputs": "it belongs on the command line",
    "logger": "it belongs on the command line",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a table: a setting over seeds. What has a smaller `worth` is made first; without one it comes last.

    `search` holds other settings, each a list of overrides: the first seed tries them beside the row's own, and what is
    best on validation is what the other seeds run and the table shows.
    """

    name: str
    overrides: Sequence[str] = ()
    search: Sequence[Sequence[str]] = ()
    seeds: Sequence[int] | None = None
    worth: float | None = None
    reference: Reference | None = None

    @property
    def trials(self) -> list["Row"]:
        """The row's own settings, then those of its search, each a row by its own name."""
        others = [
            replace(self, name=f"{self.name} ({' '.join(words)})", overrides=[*self.overrides, *words], search=())
            for words in self.search
        ]
        return [replace(self, search=()), *others]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under the same data and rules; `compare` names the row that the others are compared with, user by user.

    `searched` names the table whose searches decide for this one too, row by row, so that it makes no trials.
    """

    rows: Sequence[Row]
    metrics: Sequence[str] | None = None
    overrides: Sequence[str] = ()
    seeds: Sequence[int] | None = None
    compare: str | None = None
    searched: str | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a table.yaml says; `metrics` and `seeds` are those of tables and rows that have none of their own."""

    tables: Mapping[str, Table]
    question: str | None = None
    common: Sequence[str] = ()
    metrics: Sequence[str] | None = None
    seeds: Sequence[int] = (1,)

    def metrics_of(self, table: str) -> Sequence[str]:
        """The metrics that a table shows."""
        return self.tables[table].metrics or self.metrics or ()

    def seeds_of(self, table: str, row: Row) -> Sequence[int]:
        """The seeds of a row."""
        return row.seeds or self.tables[table].seeds or self.seeds


def read(folder: Path) -> Question:
    """The question of a folder.

    Raises:
        DataError: table.yaml is missing, no yaml, or says what nobody reads; names the file and the key.
    """
    file = folder / FILE
    if not file.is_file():
        raise DataError(f"{folder} has no {FILE}; docs/reproduce.md shows how to write one")
    try:
        return _question(_loaded(file))
    except CompositionError as error:
        raise DataError(f"{file}: {error}") from None


def _loaded(file: Path) -> Any:
    try:
        return OmegaConf.to_container(OmegaConf.load(file))
    except OSError as error:  # what a yaml holds besides mappings and lists
        raise DataError(f"{file}: {error}; it takes keys, for example tables:") from None
    except Exception as error:
        mark = getattr(error, "problem_mark", None)  # where the yaml parser stopped
        if mark is None:
            raise
        told = str(getattr(error, "problem", "")) or "not yaml"
        raise DataError(f"{file}, line {mark.line + 1}, column {mark.column + 1}: {told}") from None


def _question(node: Any) -> Question:
    made = _made(Question, "", node)
    if not isinstance(made["tables"], dict) or not made["tables"]:
        raise CompositionError("tables names no table; it takes names, each with its rows")
    tables = {str(name): _table(f"tables.{name}", table) for name, table in made["tables"].items()}
    for name, table in tables.items():
        if not re.fullmatch(r"\w[\w -]*", name):
            raise CompositionError(f"tables.{name}: take letters, digits, _ and - for what is also a folder's name")
        if not (table.metrics or made.get("metrics")):
            raise CompositionError(f"tables.{name} lacks metrics, for example metrics: [hit_rate@10, ndcg@10]")
    question = Question(**{**made, "tables": tables})
    for name, table in tables.items():
        _check_references(f"tables.{name}", table, question.metrics_of(name))
        _check_searched(f"tables.{name}", table, tables)
    return question


def _table(where: str, node: Any) -> Table:
    made = _made(Table, where, node)
    rows = [_row(f"{where}.rows[{i}]", row) for i, row in enumerate(made["rows"])]
    if not rows:
        raise CompositionError(f"{where}.rows is empty; a row is a name and overrides")
    names = [trial.name for row in rows for trial in row.trials]
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise CompositionError(f"{where} has {Counter(names)[twice[0]]} rows named {twice[0]}; a name tells one row")
    compare = made.get("compare")
    names = [row.name for row in rows]
    if compare is not None and compare not in names:
        raise CompositionError(f"{where}.compare is {compare}, which is no row; rows: {', '.join(names)}")
    return Table(**{**made, "rows": rows})


def _row(where: str, node: Any) -> Row:
    made = _made(Row, where, node)
    if not made["name"].strip():
        raise CompositionError(f"{where}.name is empty; a name tells a row from the others")
    if made.get("reference") is not None:
        made["reference"] = reference(f"{where} ({made['name']}).reference", made["reference"])
    if made.get("worth") is not None:
        made["worth"] = float(made["worth"])
    return Row(**made)


def _made(kind: type[Question] | type[Table] | type[Row], where: str, node: Any) -> dict[str, Any]:
    """The keys of a node, if they are those of a kind and their values are of its types."""
    called, before = where or "the file", f"{where}." if where else ""
    known = {field.name: field for field in fields(kind)}
    if not isinstance(node, dict):
        raise CompositionError(f"{called} is {node!r}; it takes {', '.join(known)}")
    node = {key: _spread(value) if key in ("common", "overrides") else value for key, value in node.items()}
    if isinstance(node.get("search"), list):
        node["search"] = [_spread(words) for words in node["search"]]
    for key, value in node.items():
        if key not in known:
            raise CompositionError(f"{before}{key} is no key of {called}; {nearest(str(key), known)}")
        if not takes(known[key].type, value):
            raise CompositionError(f"{before}{key} is {value!r}; it takes {worded(known[key].type)}")
        if key in ("seeds", "metrics") and (not value or len(set(value)) < len(value)):
            raise CompositionError(f"{before}{key} is {value}; it takes one or more, each once")
    for name, field in known.items():
        if field.default is MISSING and name not in node:
            raise CompositionError(f"{called} lacks {name}")
    if any(seed < 0 for seed in node.get("seeds", ())):
        raise CompositionError(f"{before}seeds is {node['seeds']}; seeds are 0, 1, 2 and so on")
    for override in _overrides(node):
        key, equals, _ = override.lstrip("+~").partition("=")
        if key in ELSEWHERE:
            raise CompositionError(f"{called} has {override}; {ELSEWHERE[key]}")
        if not equals and not override.startswith("~"):
            raise CompositionError(f"{called} has {override} among its overrides; it takes key=value")
    return node


def _spread(words: Any) -> Any:
    """Overrides without the lists among them: yaml names a list once, and other lists hold it (`[a=1, *shared]`)."""
    if not isinstance(words, list):
        return words
    return [one for word in words for one in (_spread(word) if isinstance(word, list) else [word])]


def _overrides(node: Mapping[str, Any]) -> Iterator[str]:
    for key in ("common", "overrides"):
        yield from node.get(key) or ()
    for words in node.get("search") or ():
        yield from words


def _check_searched(where: str, table: Table, tables: Mapping[str, Table]) -> None:
    if table.searched is None:
        return
    if table.searched not in tables or tables[table.searched] is table:
        others = [name for name, other in tables.items() if other is not table]
        raise CompositionError(f"{where}.searched is {table.searched}; it takes another table: {', '.join(others)}")
    if tables[table.searched].searched is not None:
        raise CompositionError(f"{where}.searched is {table.searched}, which searches nothing itself")
    there = {row.name: row for row in tables[table.searched].rows}
    for row in table.rows:
        if row.search and (row.name not in there or there[row.name].search != row.search):
            raise CompositionError(
                f"{where}, row {row.name}: table {table.searched} has no row of this name and search, to decide for it"
            )


def _check_references(where: str, table: Table, metrics: Sequence[str]) -> None:
    for row in table.rows:
        for metric in row.reference.values if row.reference else ():
            if metric not in metrics:
                raise CompositionError(
                    f"{where}: the reference of {row.name} has {metric}, which the table does not show; "
                    f"its metrics: {', '.join(metrics)}"
                )
