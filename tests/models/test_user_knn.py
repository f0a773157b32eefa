"""UserKNN against loops over pairs of users."""

from dataclasses import replace
from math import sqrt

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.models import user_knn
from ssrec.models.user_knn import UserKNN


def naive(histories, user, past, neighbours, shrink):
    own = set(past)
    sims = []
    for other, row in enumerate(histories):
        common = len(own & set(row))
        if other != user and common:
            sims.append((common / (sqrt(len(own) * len(set(row))) + shrink), set(row)))
    best = sorted(sims, key=lambda s: -s[0])[:neighbours]
    return [sum(sim for sim, met in best if i in met) for i in range(10)]


PASTS = [[1, 2, 2], [5], [], [8, 3], [2, 3, 5, 1, 4], [6, 9]]


@pytest.mark.parametrize("shrink", [0.0, 3.0])
def test_scores_sum_the_cosines_of_those_who_met_an_item(corpus, histories, make_batch, shrink):
    expected = [naive(histories, user, past, 100, shrink) for user, past in enumerate(PASTS, 1)]
    scores = UserKNN(corpus, shrink=shrink)(make_batch(PASTS)).scores()
    torch.testing.assert_close(scores, torch.tensor(expected, dtype=torch.float32))
    assert scores[0, 3] > 0


def test_a_row_reads_its_most_similar_users(corpus, histories, make_batch):
    past = [2, 3, 5, 1, 4]  # that of user 2; users 5 and 6 are equally like it
    batch = make_batch([past])
    for user, numbers in {2: (1, 3), 0: (1, 2, 4)}.items():
        for neighbours in numbers:
            scores = UserKNN(corpus, neighbours=neighbours)(replace(batch, user=torch.tensor([user]))).scores()
            torch.testing.assert_close(scores[0], torch.tensor(naive(histories, user, past, neighbours, 0.0)))


def test_small_chunks_change_nothing(corpus, make_batch, monkeypatch):
    whole = UserKNN(corpus)(make_batch(PASTS)).scores()
    monkeypatch.setattr(user_knn, "CELLS", 25)
    torch.testing.assert_close(UserKNN(corpus)(make_batch(PASTS)).scores(), whole)


def test_loading_restores_the_fit(corpus, make_batch):
    fitted, other = UserKNN(corpus), UserKNN(corpus)
    for buffer in other.buffers():
        buffer.zero_()
    other.load_state_dict(fitted.state_dict())
    assert torch.equal(other(make_batch(PASTS)).scores(), fitted(make_batch(PASTS)).scores())


def test_a_batch_without_its_full_past_is_refused(corpus, make_batch):
    with pytest.raises(CompositionError, match="user_knn reads each row's full past"):
        UserKNN(corpus)(replace(make_batch([[1]]), seen=None)).scores()


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="neighbours=0"):
        UserKNN(corpus, neighbours=0)
    with pytest.raises(CompositionError, match="shrink=-1"):
        UserKNN(corpus, shrink=-1.0)
