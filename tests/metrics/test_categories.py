"""Entropy, coverage and miscalibration of categories against loops over lists and pasts."""

from collections import Counter
from math import log2

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import lists, ragged

from ssrec.batch import Attributes, Corpus
from ssrec.errors import CompositionError
from ssrec.metrics.calibration import Miscalibration
from ssrec.metrics.categories import CategoryCoverage, CategoryEntropy
from ssrec.metrics.metric import RowMean

N, A = 9, 4
METRICS = (CategoryEntropy, CategoryCoverage, Miscalibration)
Names = st.lists(st.lists(st.integers(0, A - 1), max_size=5), min_size=N, max_size=N)
Rows = st.lists(
    st.tuples(
        st.lists(st.integers(1, N), unique=True, max_size=6),  # a list
        st.lists(st.integers(1, N), max_size=6),  # a past, with repeats
    ),
    min_size=1,
    max_size=6,
)


def corpus(names: list[list[int]]) -> Corpus:
    column = Attributes(ragged([[], *names]), tuple("abcd"))
    return Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=N, published={"genre": column})


def measure(metric: RowMean, rows: list[tuple[list[int], list[int]]]) -> dict[str, float]:
    metric.update(lists([top for top, _ in rows], 6, past=[past for _, past in rows]))
    return {name: value.item() for name, value in metric.compute().items()}


def shares(items: list[int], names: list[list[int]]) -> dict[int, float] | None:
    """Every item gives one in all to its categories; None where no item has any."""
    mass = Counter()
    for item in items:
        for name in set(names[item - 1]):
            mass[name] += 1 / len(set(names[item - 1]))
    return {name: m / sum(mass.values()) for name, m in mass.items()} if mass else None


def entropy(p: dict[int, float]) -> float:
    return sum(-x * log2(x) for x in p.values())


def divergence(p: dict[int, float], q: dict[int, float]) -> float:
    """The mean of two Kullback-Leibler divergences, which is what Jensen and Shannon's is."""
    total = 0.0
    for one in (p, q):
        total += sum(x * log2(2 * x / (p.get(name, 0) + q.get(name, 0))) for name, x in one.items()) / 2
    return total


def mean(values: list[float | None]) -> list[float]:
    known = [v for v in values if v is not None]
    return [pytest.approx(sum(known) / len(known), abs=1e-9)] if known else []


@settings(max_examples=150)
@given(Rows, st.integers(1, 6), Names)
def test_equals_a_loop(rows, k, names):
    known = {name for row in names for name in row}
    entropies, coverages, divergences = [], [], []
    for top, past in rows:
        q, p = shares(top[:k], names), shares(past, names)
        entropies.append(None if q is None else entropy(q))
        coverages.append(len(q or {}) / len(known) if known and top else None)
        divergences.append(None if p is None or q is None else divergence(p, q))
    for metric, values in zip(METRICS, (entropies, coverages, divergences), strict=True):
        assert list(measure(metric(corpus(names), feature="genre", ks=[k]), rows).values()) == mean(values)


def test_the_ends_of_the_scales():
    names = [[0], [1], [2], [3], [0, 1]] + [[]] * 4
    world = corpus(names)
    assert measure(CategoryEntropy(world, feature="genre", ks=[1, 4]), [([1, 2, 3, 4], [])]) == {
        "category_entropy@1": 0.0,
        "category_entropy@4": 2.0,
    }
    assert measure(CategoryCoverage(world, feature="genre", ks=[1, 4]), [([1, 2, 3, 4], [])]) == {
        "category_coverage@1": 0.25,
        "category_coverage@4": 1.0,
    }
    assert measure(Miscalibration(world, feature="genre", ks=[2]), [([1, 2], [5])]) == {"miscalibration@2": 0.0}
    assert measure(Miscalibration(world, feature="genre", ks=[2]), [([1, 2], [3, 3, 4])]) == {
        "miscalibration@2": pytest.approx(1, abs=1e-12)
    }


def test_a_list_without_categories_covers_none_and_has_no_entropy():
    world = corpus([[0]] + [[]] * 8)
    assert measure(CategoryCoverage(world, feature="genre", ks=[1]), [([2], [])]) == {"category_coverage@1": 0.0}
    assert measure(CategoryEntropy(world, feature="genre", ks=[1]), [([2], [])]) == {}


@pytest.mark.parametrize("metric", METRICS)
def test_a_column_that_is_not_there_is_refused(metric):
    assert metric.needs_named == ("feature",)
    with pytest.raises(CompositionError, match=rf"metric {metric.name}: mood is no column .* items; .*: genre$"):
        metric(corpus([[]] * N), feature="mood", ks=[1])
