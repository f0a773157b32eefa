"""Diversity of texts against a loop over pairs of sets of words."""

from itertools import combinations
from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import lists

from ssrec.batch import Corpus, Text
from ssrec.errors import CompositionError
from ssrec.metrics.text_diversity import TextDiversity

N = 7
Lists = st.lists(st.lists(st.integers(1, N), unique=True, max_size=5), min_size=1, max_size=5)
Words = st.lists(st.sampled_from(["red", "Red", "blue", "café", "tea", "3"]), max_size=5)


def measure(texts: list[str], top: list[list[int]], k: int) -> dict[str, float]:
    features = {"title": Text(("", *texts))}
    corpus = Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=len(texts), item_features=features)
    metric = TextDiversity(corpus, feature="title", ks=[k])
    metric.update(lists(top, 5))
    return {name: value.item() for name, value in metric.compute().items()}


@settings(max_examples=100, deadline=None)
@given(Lists, st.integers(1, 5), st.lists(Words, min_size=N, max_size=N))
def test_it_equals_a_loop(top, k, texts):
    sets = [set(), *({word.lower() for word in row} for row in texts)]
    means = []
    for row in top:
        pairs = list(combinations([sets[i] for i in row[:k] if sets[i]], 2))
        if pairs:
            means.append(sum(1 - len(a & b) / sqrt(len(a) * len(b)) for a, b in pairs) / len(pairs))
    expected = {f"diversity_title@{k}": pytest.approx(sum(means) / len(means), abs=1e-9)} if means else {}
    assert measure([", ".join(row) for row in texts], top, k) == expected


def test_the_ends_of_the_scale_and_nothing():
    texts = ["The Matrix", "matrix, the!", "Alien"] + [""] * 4
    assert measure(texts, [[1, 2]], 2) == {"diversity_title@2": pytest.approx(0.0, abs=1e-12)}
    assert measure(texts, [[1, 3]], 2) == {"diversity_title@2": 1.0}
    assert measure(texts, [[1, 4, 5]], 3) == {}
    assert measure([""] * N, [[1, 2]], 2) == {}


def test_texts_that_the_dataset_has_not_are_refused():
    assert TextDiversity.needs_named == ("feature",)
    corpus = Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=3)
    with pytest.raises(CompositionError, match=r"title is no column of texts of the items; .*: none$"):
        TextDiversity(corpus, feature="title", ks=[2])
