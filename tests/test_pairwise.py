"""The pairwise cover against all combinations, of axes small enough to list them."""

from itertools import product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pairwise import cover, pairs

AXES = st.lists(st.integers(1, 4), min_size=2, max_size=5).map(
    lambda sizes: {f"a{i}": range(n) for i, n in enumerate(sizes)}
)


def every(axes):
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


@given(AXES)
def test_every_pair_is_held_by_a_combination(axes):
    found = cover(axes)
    assert {p for c in found for p in pairs(c)} == {p for c in every(axes) for p in pairs(c)}
    assert all(c in every(axes) for c in found)
    assert found == cover(axes)


@given(AXES, st.data())
def test_only_allowed_combinations_and_every_pair_that_they_can_hold(axes, data):
    banned = [
        frozenset(data.draw(st.sampled_from(every(axes))).items())
        & {(k, v) for k in data.draw(st.sets(st.sampled_from(list(axes)), min_size=1, max_size=3)) for v in axes[k]}
        for _ in range(data.draw(st.integers(0, 3)))
    ]

    def allowed(part):
        return not any(ban <= part.items() for ban in banned)

    found = cover(axes, allowed)
    assert all(allowed(c) for c in found)
    assert {p for c in found for p in pairs(c)} == {p for c in every(axes) if allowed(c) for p in pairs(c)}


def test_one_axis_is_listed():
    assert cover({"a": [1, 2]}) == [{"a": 1}, {"a": 2}]
    assert cover({}) == []


@pytest.mark.parametrize(("sizes", "most"), [([2] * 10, 12), ([3] * 6, 18), ([5, 5, *[2] * 20], 32)])
def test_few_combinations_suffice(sizes, most):
    axes = {f"a{i}": range(n) for i, n in enumerate(sizes)}
    assert len(cover(axes)) <= most < prod(sizes)
