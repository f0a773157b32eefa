"""Average popularity against a loop, with lists shorter than K."""

import pytest
import torch
from rankings import lists

from ssrec.batch import Corpus
from ssrec.metrics.popularity import AveragePopularity

# Item 1 has three events, item 2 two (one user twice), item 3 one, item 4 none.
CORPUS = Corpus(torch.tensor([1, 2, 2, 1, 1, 3]), torch.tensor([0, 0, 3, 4, 6]), n_users=3, n_items=4)


def measure(top: list[list[int]], ks: list[int]) -> dict[str, float]:
    metric = AveragePopularity(CORPUS, ks=ks)
    metric.update(lists(top, len(top[0])))
    return {name: value.item() for name, value in metric.compute().items()}


def test_mean_of_training_events_per_list_then_over_lists():
    top = [[1, 2, 3, 4], [4, 1, 0, 0], [0, 0, 0, 0]]  # the last row has no candidate and does not count
    assert measure(top, [1, 2, 4]) == pytest.approx(
        {"popularity@1": (3 + 0) / 2, "popularity@2": (2.5 + 1.5) / 2, "popularity@4": (1.5 + 1.5) / 2}, abs=1e-12
    )


def test_nothing_recommended_gives_no_result():
    assert measure([[0, 0]], [1, 2]) == {}
