"""Few combinations of options in which every two of them meet."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import combinations

Combination = dict[str, Hashable]
Pair = frozenset[tuple[str, Hashable]]


def pairs(combination: Mapping[str, Hashable]) -> Iterator[Pair]:
    """Every two options of a combination."""
    return map(frozenset, combinations(combination.items(), 2))


def cover(
    axes: Mapping[str, Sequence[Hashable]], allowed: Callable[[Combination], bool] = lambda _: True
) -> list[Combination]:
    """Combinations, one option from each axis, that hold every pair of options that can stand together.

    Greedy (AETG: Cohen et al., IEEE TSE 1997): each combination starts from a pair not yet held, and every further axis
    takes the option that adds most such pairs. `allowed` judges combinations, and parts of them while they grow: it may
    refuse a part only if it refuses all that contain it.
    """
    if len(axes) < 2:
        return [{key: value} for key, values in axes.items() for value in values if allowed({key: value})]
    wanted = {
        Pair([(a, x), (b, y)]): None for a, b in combinations(axes, 2) for x in axes[a] for y in axes[b]
    }  # a dict for its order: the cover is the same every time
    found = []
    while wanted:
        first = next(iter(wanted))
        start = dict(first)
        # A look ahead at each axis alone: most pairs that cannot stand together show here, not deep in the search.
        room = all(any(allowed({**start, key: x}) for x in axes[key]) for key in axes if key not in start)
        best = _grow(axes, allowed, start, wanted) if room else None
        if best is None:
            del wanted[first]  # no combination has room for both
            continue
        best = {key: best[key] for key in axes}
        found.append(best)
        for pair in pairs(best):
            wanted.pop(pair, None)
    return found


def _grow(
    axes: Mapping[str, Sequence[Hashable]],
    allowed: Callable[[Combination], bool],
    part: Combination,
    wanted: Mapping[Pair, None],
) -> Combination | None:
    if not allowed(part):
        return None
    axis = next((key for key in axes if key not in part), None)
    if axis is None:
        return part

    def gain(value: Hashable) -> int:
        return sum(Pair([(axis, value), option]) in wanted for option in part.items())

    for value in sorted(axes[axis], key=gain, reverse=True):
        grown = _grow(axes, allowed, {**part, axis: value}, wanted)
        if grown is not None:
            return grown
    return None
