"""What a reader of the result must know of the rankings that it judges."""

from collections.abc import Iterator, Sequence

import polars as pl

from ssrec import guards
from ssrec.data.split import Held
from ssrec.errors import DataError
from ssrec.evaluate.lists import Lists
from ssrec.evaluate.matching import Matched


def answered(lists: Lists, ks: Sequence[int], file: str) -> list[int]:
    """The list lengths for which some list is long enough.

    Raises:
        DataError: there is none.
    """
    longest = int(lists.lengths.max())
    some = [k for k in ks if k <= longest]
    if not some:
        raise DataError(f"{file}: the longest list has {longest} candidates, and ks is {list(ks)}; say ks=[{longest}]")
    return some


def findings(found: Matched, lists: Lists, held: Held, ks: Sequence[int], unanswered: Sequence[str]) -> guards.Warnings:
    """All that is worth a line, as the guards of training have it.

    Args:
        found: whose rankings there are.
        lists: what stands in them.
        held: the rows that are tested.
        ks: list lengths that were asked for.
        unanswered: metrics that are left out because they read whole rankings.
    """
    asked = held.asked
    watched = {"rows": int(asked.sum()), "flat": int((lists.flat & asked).sum()), "alike": int(found.alike)}
    own = (*_rows(found), *_places(lists), *_lengths(lists, held, ks, unanswered))
    return guards.of_lists(watched, personal=True) | dict(own)


def _rows(found: Matched) -> Iterator[tuple[str, str]]:
    if n := len(found.absent):
        yield "no ranking", f"{_n(n, 'tested user')} without a ranking count as misses: {_some(found.absent)}"
    for n, kind in ((found.unknown_users, "user"), (found.unknown_items, "item")):
        if n:
            yield f"unknown {kind}s", f"left out: {_n(n, kind)} that the data have not"


def _places(lists: Lists) -> Iterator[tuple[str, str]]:
    if n := lists.listed_seen:
        yield (
            "seen listed",
            f"mask_seen=true: {_n(n, 'listed item')} of rows' own pasts taken out, those behind move up",
        )
    if n := lists.listed_no_candidates:
        yield "no candidates", f"{_n(n, 'listed item')} that the protocol does not rank taken out, those behind move up"
    if n := lists.nan_scores:
        yield "nan", f"{_n(n, 'score')} NaN: such items stand last, and a target among them is a miss"


def _lengths(lists: Lists, held: Held, ks: Sequence[int], unanswered: Sequence[str]) -> Iterator[tuple[str, str]]:
    longest = int(lists.lengths.max())
    if beyond := [str(k) for k in ks if k > longest]:
        yield "K left out", f"K={', '.join(beyond)} left out: the longest list has {longest} candidates"
    k = max(k for k in ks if k <= longest)
    short = held.asked & (lists.lengths > 0) & (lists.lengths < lists.candidates.clamp(max=k))
    if short.any():
        n, least = _n(int(short.sum()), "list"), int(lists.lengths[short].min())
        yield "short lists", f"{n} shorter than K={k}, the shortest of {least}: what they do not list is a miss"
    if unanswered:
        yield "lists end", f"left out, for they read whole rankings: {', '.join(unanswered)}"


def _n(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _some(ids: pl.Series) -> str:
    return ", ".join(map(repr, ids.head(3).to_list())) + (", ..." if len(ids) > 3 else "")
