"""Few combinations of options in which every two of them meet."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import combinations

Combination = dict[str, Hashable]
Axes = Mapping[str, Sequence[Hashable]]
Allowed = Callable[[Combination], bool]
Pair = frozenset[tuple[str, Hashable]]


def pairs(combination: Mapping[str, Hashable]) -> Iterator[Pair]:
    """Every two options of a combination."""
    return map(frozenset, combinations(combination.items(), 2))


def cover(axes: Axes, allowed: Allowed = lambda _: True) -> list[Combination]:
    """Combinations, one option from each axis, that hold every pair of options that can stand together.

    Greedy (AETG: Cohen et al., IEEE TSE 1997): each combination starts from a pair not yet held, and every further axis
    takes the option that adds most such pairs. `allowed` judges combinations, and parts of them while they grow: it may
    refuse a part only if it refuses all that contain it.
    """
    if len(axes) < 2:
        return [{key: value} for key, values in axes.items() for value in values if allowed({key: value})]
    # a dict for its order: the cover is the same every time
    wanted = {frozenset([(a, x), (b, y)]): None for a, b in combinations(axes, 2) for x in axes[a] for y in axes[b]}
    found = []
    while wanted:
        first = next(iter(wanted))
        grown = _grow(dict(first), axes, allowed, wanted) if allowed(dict(first)) else None
        if grown is None:
            del wanted[first]  # no combination has room for both
            continue
        found.append({key: grown[key] for key in axes})
        for pair in pairs(grown):
            wanted.pop(pair, None)
    return found


def _grow(part: Combination, axes: Axes, allowed: Allowed, wanted: Mapping[Pair, None]) -> Combination | None:
    """A whole combination that contains an allowed part, or None where there is none."""
    free = {key: [x for x in axes[key] if allowed({**part, key: x})] for key in axes if key not in part}
    if not free:
        return part
    axis = min(free, key=lambda key: min(len(free[key]), 2))  # what is forced first, to see a dead end at once

    def gain(value: Hashable) -> int:
        return sum(frozenset([(axis, value), option]) in wanted for option in part.items())

    for value in sorted(free[axis], key=gain, reverse=True):
        grown = _grow({**part, axis: value}, {**axes, **free}, allowed, wanted)
        if grown is not None:
            return grown
    return None
