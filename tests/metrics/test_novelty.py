"""Novelty against the formula, on a split with repeats, a cold item and short lists."""

from math import log2

import pytest
import torch
from rankings import lists

from ssrec.batch import Corpus
from ssrec.metrics.metric import RowMean
from ssrec.metrics.novelty import Novelty, PopularityComplement

# Of four training users three met item 1, one met item 2 (twice, counted once), four item 3, none item 4; a fifth user
# has no training events.
CORPUS = Corpus(torch.tensor([1, 2, 2, 3, 1, 3, 1, 3, 3]), torch.tensor([0, 0, 4, 6, 8, 9, 9]), n_users=5, n_items=4)


def measure(top: list[list[int]], ks: list[int], made: type[RowMean] = Novelty) -> dict[str, float]:
    metric = made(CORPUS, ks=ks)
    metric.update(lists(top, len(top[0])))
    return {name: value.item() for name, value in metric.compute().items()}


def test_self_information_in_bits():
    top = [[1, 2, 3, 4], [3, 1, 0, 0], [0, 0, 0, 0]]
    one, two, three, four = log2(4 / 3), log2(4), 0.0, log2(4)
    assert measure(top, [1, 2, 4]) == pytest.approx(
        {
            "novelty@1": (one + three) / 2,
            "novelty@2": ((one + two) / 2 + (three + one) / 2) / 2,
            "novelty@4": ((one + two + three + four) / 4 + (three + one) / 2) / 2,
        },
        abs=1e-12,
    )


def test_the_chance_that_a_user_has_not_met_an_item_discounted_by_its_place():
    unmet = {1: 1 / 4, 2: 3 / 4, 3: 0, 4: 1}
    top, values = [[1, 2, 3, 4], [3, 1, 0, 0], [0, 0, 0, 0]], []  # the last row has no candidate and does not count
    for row in ([1, 2, 3, 4], [3, 1]):
        weights = [1 / log2(place + 1) for place in range(1, len(row) + 1)]
        values.append(sum(w * unmet[i] for w, i in zip(weights, row, strict=True)) / sum(weights))
    assert measure(top, [1, 4], PopularityComplement) == pytest.approx(
        {"epc@1": (1 / 4 + 0) / 2, "epc@4": sum(values) / 2}, abs=1e-12
    )
    assert measure([[0, 0]], [1], PopularityComplement) == {}
