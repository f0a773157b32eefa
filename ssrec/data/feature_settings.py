"""`Features`: how content columns are read, for all of them and for each, as plain settings."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, final

from ssrec.errors import CompositionError

EVENTS = frozenset({"times", "weights", "parts"})  # what a dataset offers besides content
USERS = "user"  # the node of the users' columns; no column of the items can have that name


@final
@dataclass(frozen=True, kw_only=True)
class Reading:
    """How one column is read; a setting says nothing of columns of another kind than its own."""

    numbers: str = "zscore"
    buckets: int | None = None
    min_count: int = 1
    encoding: str = "multi_hot"


SETTINGS = tuple(asdict(Reading()))
CHOICES = {"numbers": ("zscore", "minmax", "log", "none"), "encoding": ("multi_hot", "one_hot")}
OF_KIND = {"attributes": ("buckets", "min_count", "encoding"), "numbers": ("numbers",)}


@final
@dataclass(frozen=True, kw_only=True)
class Features:
    """How content columns are read. Whatever is fitted is fitted on the training split.

    Args:
        numbers: zscore (mean 0, deviation 1), minmax (0 to 1), log (zscore of sign(x) log(1 + |x|)) or none.
        buckets: attributes are hashed into so many, for huge vocabularies; null: each name has its own id.
        min_count: attributes of fewer trained rows are left out.
        encoding: multi_hot (a row has any number of names) or one_hot (at most one, a class: more are an error).
        columns: what differs for single columns, as in `{price: {numbers: log}, user: {age: {numbers: none}}}`; those
            of the users stand under `user`.

    Raises:
        CompositionError: a setting outside its range, or one that columns do not have.
    """

    numbers: str = "zscore"
    buckets: int | None = None
    min_count: int = 1
    encoding: str = "multi_hot"
    columns: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        general = {setting: getattr(self, setting) for setting in SETTINGS}
        _check("features", general)
        for name, said in self._said.items():
            where = f"features.columns.{name}"
            if not isinstance(said, Mapping) or not said:
                raise CompositionError(f"{where} takes settings, as in +{where}.{SETTINGS[0]}=log; it is {said!r}")
            for setting in said:
                if setting not in SETTINGS:
                    raise CompositionError(f"{where}.{setting} is nothing that is set; {_nearest(setting, SETTINGS)}")
            _check(where, {**general, **said})

    def of(self, name: str) -> Reading:
        """How a column is read; `user.<name>` is one of the users."""
        return replace(self._general, **self._said.get(name, {}))

    def check_known(self, dataset: str, offers: Collection[str]) -> None:
        """Refuse settings of columns that a dataset has not.

        Args:
            dataset: its name, for the message.
            offers: what it has, in the words of `Source.offers`.

        Raises:
            CompositionError: names the column, and the nearest that there is.
        """
        known = sorted(set(offers) - EVENTS)
        for name in self._said:
            if name not in known:
                raise CompositionError(
                    f"features.columns.{name}: {dataset} has no such column of content; {_nearest(name, known)}"
                )

    def check_kind(self, name: str, kind: str) -> None:
        """Refuse settings that do nothing to a column of this kind (text, attributes, numbers, vectors).

        Raises:
            CompositionError: names the setting, and those that do.
        """
        for setting in self._said.get(name, {}):
            if setting not in OF_KIND.get(kind, ()):
                takes = ", ".join(OF_KIND.get(kind, ())) or "no setting"
                raise CompositionError(f"features.columns.{name}.{setting}: {name} holds {kind}, which takes {takes}")

    @property
    def settings(self) -> dict[str, Any]:
        """What is said and differs from the defaults, as JSON: of columns, name, setting and value."""
        general, standard = asdict(self._general), asdict(Reading())
        found: dict[str, Any] = {k: v for k, v in general.items() if v != standard[k]}
        columns = [[n, k, v] for n, said in self._said.items() for k, v in said.items() if v != general[k]]
        return found | ({"columns": sorted(columns, key=lambda c: c[:2])} if columns else {})

    @property
    def _general(self) -> Reading:
        return Reading(**{setting: getattr(self, setting) for setting in SETTINGS})

    @property
    def _said(self) -> dict[str, Any]:
        """The settings of each column by the name that a dataset offers it under."""
        users = self.columns.get(USERS, {})
        if not isinstance(users, Mapping):
            raise CompositionError(f"features.columns.{USERS} takes columns of the users; it is {users!r}")
        items = {str(name): said for name, said in self.columns.items() if name != USERS}
        return items | {f"{USERS}.{name}": said for name, said in users.items()}


def _check(where: str, values: Mapping[str, Any]) -> None:
    """Refuse values outside their range; `where` is how a user names these settings."""
    for setting, known in CHOICES.items():
        if values[setting] not in known:
            raise CompositionError(f"{where}.{setting}={values[setting]}: choose {', '.join(known)}")
    buckets, least = values["buckets"], values["min_count"]
    if buckets is not None and not _counts(buckets):
        raise CompositionError(f"{where}.buckets={buckets}: say how many there are, or null for none")
    if not _counts(least):
        raise CompositionError(f"{where}.min_count={least}: an attribute that counts is had by 1 row")
    if buckets is not None and least > 1:
        raise CompositionError(f"{where}.buckets keeps every name, so {where}.min_count=1 goes with it")


def _counts(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _nearest(said: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(said, list(known), 1, 0.6)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known) or 'none'}"
