"""Diversity against a loop over pairs."""

from dataclasses import replace
from itertools import combinations
from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import lists

from ssrec.batch import Attributes, Corpus, Ragged, Vectors
from ssrec.errors import CompositionError
from ssrec.metrics.diversity import AttributeDiversity, FeatureDiversity, VectorDiversity
from ssrec.metrics.metric import RowMean

N, A, D = 9, 4, 3
Lists = st.lists(st.lists(st.integers(1, N), unique=True, max_size=6), min_size=1, max_size=6)


def corpus(attributes: list[list[int]] | None) -> Corpus:
    known = None
    if attributes is not None:
        offsets = torch.tensor([0, *(len(a) for a in attributes)]).cumsum(0)
        values = torch.tensor([a for row in attributes for a in row], dtype=torch.long)
        known = Attributes(Ragged(values, offsets), tuple("abcd"))
    return Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=N, attributes=known)


def measure(metric: RowMean, top: list[list[int]], vectors: torch.Tensor | None) -> dict[str, float]:
    metric.update(lists(top, 6, vectors=vectors))
    return {name: value.item() for name, value in metric.compute().items()}


def naive(top: list[list[int]], k: int, vectors: list[list[float]]) -> float | None:
    def distance(x: list[float], y: list[float]) -> float:
        dot = sum(a * b for a, b in zip(x, y, strict=True))
        return 1 - dot / sqrt(sum(a * a for a in x) * sum(b * b for b in y))

    means = []
    for row in top:
        pairs = list(combinations([vectors[i] for i in row[:k] if any(vectors[i])], 2))
        if pairs:
            means.append(sum(distance(x, y) for x, y in pairs) / len(pairs))
    return sum(means) / len(means) if means else None


def check(found: dict[str, float], key: str, expected: float | None) -> None:
    assert found == ({} if expected is None else {key: pytest.approx(expected, abs=1e-9)})


@settings(max_examples=100, deadline=None)
@given(Lists, st.integers(1, 6), st.lists(st.lists(st.integers(0, A - 1), max_size=5), min_size=N, max_size=N))
def test_attributes_equal_a_loop(top, k, attributes):
    hot = [[float(a in row) for a in range(A)] for row in [[], *attributes]]  # an attribute given twice counts once
    found = measure(AttributeDiversity(corpus([[], *attributes]), ks=[k]), top, None)
    check(found, f"diversity_attributes@{k}", naive(top, k, hot))


@settings(max_examples=100, deadline=None)
@given(Lists, st.integers(1, 6), st.integers(0, 2**31))
def test_vectors_equal_a_loop(top, k, seed):
    vectors = torch.randn(N + 1, D, generator=torch.Generator().manual_seed(seed))  # row 0 must not be read
    vectors[3] = 0
    found = measure(VectorDiversity(corpus(None), ks=[k]), top, vectors)
    expected = naive(top, k, vectors.double().tolist())
    check(found, f"diversity_vectors@{k}", expected)
    given_by_the_dataset = replace(corpus(None), item_features={"image": Vectors(vectors)})
    found = measure(FeatureDiversity(given_by_the_dataset, feature="image", ks=[k]), top, None)
    check(found, f"diversity_image@{k}", expected)


def test_the_ends_of_the_scale():
    vectors = torch.tensor([1.0, 0.0]).repeat(N + 1, 1)
    assert measure(VectorDiversity(corpus(None), ks=[6]), [[1, 2, 3]], vectors) == {"diversity_vectors@6": 0.0}
    vectors[2] = -5 * vectors[2]
    assert measure(VectorDiversity(corpus(None), ks=[6]), [[1, 2]], vectors) == {"diversity_vectors@6": 2.0}


def test_a_model_without_vectors_has_no_result():
    assert measure(VectorDiversity(corpus(None), ks=[2]), [[1, 2]], None) == {}


def test_a_dataset_without_attributes_is_refused():
    assert AttributeDiversity.needs == {"attributes"} and not VectorDiversity.needs
    with pytest.raises(CompositionError, match="needs item attributes"):
        AttributeDiversity(corpus(None), ks=[2])


def test_vectors_that_the_dataset_has_not_are_refused():
    assert FeatureDiversity.needs_named == ("feature",)
    with pytest.raises(CompositionError, match=r"image is no column of vectors of the items; .*: none$"):
        FeatureDiversity(corpus(None), feature="image", ks=[2])
