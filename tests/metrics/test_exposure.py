"""Exposure of providers against a loop over the places of all lists."""

from math import log2

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import lists, ragged

from ssrec.batch import Attributes, Corpus
from ssrec.errors import CompositionError
from ssrec.metrics.exposure import ProviderExposure

N, A = 7, 3
COUNTS = [0, 4, 1, 0, 2, 2, 0, 1]  # training events of items 0, 1, ...


def corpus(names: list[list[int]]) -> Corpus:
    events = torch.arange(N + 1).repeat_interleave(torch.tensor(COUNTS))
    published = {"brand": Attributes(ragged([[], *names]), tuple("xyz"))}
    return Corpus(events, torch.tensor([0, 0, len(events)]), n_users=1, n_items=N, published=published)


def measure(names: list[list[int]], top: list[list[int]], k: int, against: str) -> dict[str, float]:
    metric = ProviderExposure(corpus(names), feature="brand", against=against, ks=[k])
    for row in top:
        metric.update(lists([row], 5))
    return {name: value.item() for name, value in metric.compute().items()}


@settings(max_examples=150)
@given(
    st.lists(st.lists(st.integers(0, A - 1), unique=True, max_size=2), min_size=N, max_size=N),
    st.lists(st.lists(st.integers(1, N), unique=True, max_size=5), min_size=1, max_size=5),
    st.integers(1, 5),
    st.sampled_from(["catalogue", "events"]),
)
def test_equals_a_loop(names, top, k, against):
    exposure, share = [0.0] * A, [0.0] * A
    for row in top:
        for place, item in enumerate(row[:k], start=1):
            for name in names[item - 1]:
                exposure[name] += 1 / log2(place + 1) / len(names[item - 1])
    for item in range(1, N + 1):
        for name in names[item - 1]:
            share[name] += (1 if against == "catalogue" else COUNTS[item]) / len(names[item - 1])
    expected = {}
    if sum(exposure) and sum(share):
        e, s = [x / sum(exposure) for x in exposure], [x / sum(share) for x in share]
        lifts = [x / y for x, y in zip(e, s, strict=True) if y]
        expected[f"exposure_gap_brand_{against}@{k}"] = sum(abs(x - y) for x, y in zip(e, s, strict=True)) / 2
        if max(lifts):
            expected[f"exposure_ratio_brand_{against}@{k}"] = min(lifts) / max(lifts)
    assert measure(names, top, k, against) == pytest.approx(expected, abs=1e-12)


def test_the_ends_of_the_scales():
    names = [[0], [1], [0], [1], [], [], []]
    fair = measure(names, [[1, 5, 2], [2, 5, 1]], 3, "catalogue")
    assert fair == pytest.approx({"exposure_gap_brand_catalogue@3": 0, "exposure_ratio_brand_catalogue@3": 1})
    unfair = measure(names, [[1, 3]], 2, "catalogue")
    assert unfair == {"exposure_gap_brand_catalogue@2": 0.5, "exposure_ratio_brand_catalogue@2": 0.0}
    assert measure(names, [[5, 6], []], 2, "catalogue") == {}


def test_a_column_that_is_not_there_is_refused():
    assert ProviderExposure.needs_named == ("feature",)
    with pytest.raises(CompositionError, match=r"metric exposure: store is no column .* items; .*: brand$"):
        ProviderExposure(corpus([[]] * N), feature="store", ks=[1])
