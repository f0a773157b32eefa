"""The vectors of histories against passes over one user at a time."""

from dataclasses import replace

import pytest
import torch
from sequences import drawn

from ssrec.batch import Batch, Corpus
from ssrec.models.sasrec import SASRec
from ssrec.models.tisasrec import TiSASRec
from ssrec.pretext import history_vectors as module
from ssrec.pretext.history_vectors import history_vectors, users_with_rows

HISTORIES = {1: [3, 1, 4, 1, 5, 9, 2, 6, 5], 2: [7], 3: [], 4: [8, 9, 7], 5: [3, 2]}


@pytest.fixture
def corpus() -> Corpus:
    flat = torch.tensor([item for history in HISTORIES.values() for item in history])
    lengths = torch.tensor([0, 0, *map(len, HISTORIES.values())])
    return Corpus(flat, lengths.cumsum(0), n_users=5, n_items=9, times=100 * torch.arange(len(flat)))


@pytest.mark.parametrize("make", [SASRec, TiSASRec])
@pytest.mark.parametrize("rows", [1, 2, 1024])
@pytest.mark.parametrize("pool", ["last", "mean"])
def test_each_is_the_pass_over_the_users_last_row(corpus, monkeypatch, make, rows, pool):
    """User 1 has more than the encoder reads; users 2 and 3 have no row."""
    monkeypatch.setattr(module, "ROWS", rows)
    encoder = drawn(make, corpus, dropout=0.5)
    found = history_vectors(encoder.train(), corpus, pool, encoder.max_length)
    assert encoder.training and not found.requires_grad
    encoder.eval()
    naive = []
    for user in (1, 4, 5):
        start, stop = corpus.offsets[user : user + 2].tolist()
        read = slice(max(start, stop - 1 - encoder.max_length), stop - 1)  # the last event is what the row asks for
        one = torch.tensor([user])
        batch = Batch(one, one, corpus.items[None, read], corpus.items[None, stop - 1 : stop])
        hidden = encoder(replace(batch, times=corpus.times[None, read])).hidden[0]  # type: ignore[index]
        naive.append(hidden[-1] if pool == "last" else hidden.mean(0))
    torch.testing.assert_close(found, torch.stack(naive).detach())


def test_users_without_two_events_have_no_row(corpus):
    assert users_with_rows(corpus).tolist() == [1, 4, 5]
