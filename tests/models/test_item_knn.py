"""ItemKNN against loops over pairs of items."""

from dataclasses import replace
from math import sqrt

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.models.item_knn import ItemKNN


def similarity(histories, shrink=0.0, popularity=0.5, normalise_users=False):
    met = [{u for u, row in enumerate(histories) if i in row} for i in range(10)]

    def size(users):
        return sum(1 / len(set(histories[u])) if normalise_users else 1 for u in users)

    return [
        [
            size(a & b) / (size(a) ** popularity * sqrt(size(b)) + shrink) if i != j and a & b else 0.0
            for j, b in enumerate(met)
        ]
        for i, a in enumerate(met)
    ]


@pytest.mark.parametrize("settings", [{}, {"shrink": 3.0}, {"popularity": 0.2}, {"normalise_users": True}])
def test_scores_sum_the_similarities_of_the_past(corpus, histories, make_batch, settings):
    pasts = [[1, 2, 2], [5], [], [8, 3]]
    sims = similarity(histories, **settings)
    expected = [[sum(sims[i][j] for j in set(past)) for i in range(10)] for past in pasts]
    scores = ItemKNN(corpus, **settings)(make_batch(pasts)).scores()
    torch.testing.assert_close(scores, torch.tensor(expected))


def test_an_item_keeps_its_most_similar_neighbours(corpus, histories, make_batch):
    sims = similarity(histories, 3.0)  # shrinkage leaves no ties at the second place
    scores = ItemKNN(corpus, neighbours=2, shrink=3.0)(make_batch([[j] for j in range(1, 10)])).scores()
    for item in range(1, 10):
        best = sorted((s for s in sims[item] if s > 0), reverse=True)[:2]
        kept = scores[:, item][scores[:, item] > 0].sort(descending=True).values
        torch.testing.assert_close(kept, torch.tensor(best))


def test_a_batch_without_its_full_past_is_refused(corpus, make_batch):
    with pytest.raises(CompositionError, match="item_knn reads each row's full past"):
        ItemKNN(corpus)(replace(make_batch([[1]]), seen=None)).scores()


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="neighbours=0"):
        ItemKNN(corpus, neighbours=0)
    with pytest.raises(CompositionError, match="shrink=-1"):
        ItemKNN(corpus, shrink=-1.0)
    with pytest.raises(CompositionError, match="popularity=-1"):
        ItemKNN(corpus, popularity=-1.0)
