"""Markov against a loop over neighbours."""

from itertools import pairwise

import torch

from ssrec.batch import Corpus
from ssrec.models.markov import Markov


def naive(histories, last, item, backoff):
    count = sum(a == last and b == item for row in histories for a, b in pairwise(row))
    flat = [i for row in histories for i in row]
    return count + backoff * flat.count(item) / (max(flat.count(i) for i in range(10)) + 1)


def test_scores_are_counts_of_what_followed_the_last_item(corpus, histories, make_batch):
    batch = make_batch([[4, 2], [2, 3], [8], []])
    for backoff in (True, False):
        scores = Markov(corpus, backoff=backoff)(batch).scores()
        expected = [[naive(histories, last, i, backoff) for i in range(10)] for last in (2, 3, 8, 0)]
        torch.testing.assert_close(scores, torch.tensor(expected, dtype=torch.float32))


def test_a_users_last_item_is_not_followed_by_the_next_users_first(make_batch):
    corpus = Corpus(torch.tensor([1, 2, 3, 4]), torch.tensor([0, 0, 2, 4]), n_users=2, n_items=4)
    scores = Markov(corpus, backoff=False)(make_batch([[1], [2], [3]])).scores()
    assert scores.nonzero().tolist() == [[0, 2], [2, 4]]


def test_rows_without_any_past_get_popularity(corpus, make_batch):
    batch = make_batch([[], []])
    assert batch.items.shape == (2, 0)
    scores = Markov(corpus)(batch).scores()
    torch.testing.assert_close(scores, (corpus.counts / (corpus.counts.max() + 1)).repeat(2, 1))


def test_loading_restores_the_fit(corpus, make_batch):
    fitted = Markov(corpus)
    other = Markov(corpus)
    for buffer in other.buffers():
        buffer.zero_()
    other.load_state_dict(fitted.state_dict())
    batch = make_batch([[4, 2], [3]])
    assert not list(fitted.parameters())
    assert torch.equal(other(batch).scores(), fitted(batch).scores())
