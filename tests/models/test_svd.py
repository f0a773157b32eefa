"""SVD against the dense decomposition."""

from dataclasses import replace

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.models.svd import SVD

PASTS = [[1, 2, 2], [5], [], [8, 3]]


def dense(rows):
    x = torch.zeros(len(rows), 10, dtype=torch.double)
    for user, row in enumerate(rows):
        x[user, row] = 1
    return x


@pytest.mark.parametrize("dim", [1, 2, 4, 50])
def test_scores_project_the_past_onto_the_leading_directions(corpus, histories, make_batch, dim):
    scores = SVD(corpus, dim=dim)(make_batch(PASTS)).scores()
    _, values, directions = torch.linalg.svd(dense(histories), full_matrices=False)
    vectors = directions[:dim][values[:dim] > 1e-9].T
    torch.testing.assert_close(scores, (dense(PASTS) @ vectors @ vectors.T).float())


def test_every_direction_gives_a_trained_past_back(corpus, histories, make_batch):
    scores = SVD(corpus, dim=9)(make_batch(histories)).scores()
    torch.testing.assert_close(scores, dense(histories).float())


def test_the_seed_decides_nothing(corpus):
    torch.manual_seed(1)
    first = SVD(corpus, dim=3).items
    torch.manual_seed(2)
    assert torch.equal(SVD(corpus, dim=3).items, first)


def test_what_cannot_work_is_refused(corpus, make_batch):
    with pytest.raises(CompositionError, match="dim=0"):
        SVD(corpus, dim=0)
    with pytest.raises(CompositionError, match="svd reads each row's full past"):
        SVD(corpus)(replace(make_batch(PASTS), seen=None)).scores()
