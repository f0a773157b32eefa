"""Popularity against a count."""

from dataclasses import replace

import torch

from ssrec.models.encoder import FittedEncoding
from ssrec.models.popularity import Popularity


def test_scores_count_training_events(corpus, histories, make_batch):
    encoding = Popularity(corpus)(make_batch([[1], [2, 3]]))
    assert isinstance(encoding, FittedEncoding)
    flat = [item for row in histories for item in row]
    expected = torch.tensor([[float(flat.count(item)) for item in range(10)]] * 2)
    assert torch.equal(encoding.scores(), expected)


def test_events_count_by_their_weights_where_they_have_some(corpus, make_batch):
    weights = torch.arange(len(corpus.items)) / 4
    scores = Popularity(replace(corpus, weights=weights))(make_batch([[1]])).scores()[0]
    wanted = [sum(w for i, w in zip(corpus.items.tolist(), weights.tolist(), strict=True) if i == n) for n in range(10)]
    assert scores.tolist() == wanted


def test_a_ranking_may_write_into_its_scores(corpus, make_batch):
    model = Popularity(corpus)
    batch = make_batch([[1], [2, 3]])
    model(batch).scores()[0].fill_(-1)
    assert (model(batch).scores() >= 0).all()


def test_state_is_saved_and_nothing_is_trained(corpus):
    model = Popularity(corpus)
    assert not list(model.parameters())
    assert set(model.state_dict()) == {"total"}
