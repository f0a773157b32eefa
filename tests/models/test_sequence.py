"""What every encoder of sequences inherits: what a pass is given, and what becomes of what it gives."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from ssrec.batch import PAD, Batch, Corpus
from ssrec.errors import CompositionError
from ssrec.models.sequence import SequenceEncoder
from ssrec.models.table import IdSource, Table

LENGTH = 4


class Summing(SequenceEncoder):
    """A running sum of item vectors times their times; keeps what it was given."""

    def __init__(self, corpus, *, causal=True, **sizes):
        table = partial(Table, sources={"id": IdSource})
        super().__init__(corpus, table=table, **{"dim": 3, "max_length": LENGTH, "causal": causal, **sizes})
        self.given = []

    def read(self, ids, causal, table, times=None):
        self.given.append((ids, causal, times))
        vectors = table(ids) + 1  # something at padding as well
        vectors = vectors if times is None else vectors * times.unsqueeze(-1)
        return vectors.cumsum(1) if causal else vectors.sum(1, keepdim=True).expand_as(vectors)


class Whole(Summing):
    passes = (False,)
    asks_mask = False
    fixed_length = True


def batch_of(items, times=None):
    row = torch.arange(len(items))
    return Batch(row, row + 1, items, torch.ones(len(items), 1).long(), times=times)


@pytest.fixture
def items():
    return torch.tensor([[0, 0, 0, 0, 1, 2], [1, 2, 3, 4, 5, 6]])


def test_a_pass_reads_the_last_events_with_their_times(corpus, items):
    encoder = Summing(corpus)
    hidden = encoder(batch_of(items, items * 10)).hidden
    ((ids, causal, times),) = encoder.given
    assert causal and torch.equal(ids, items[:, 2:]) and torch.equal(times, 10 * items[:, 2:])
    assert hidden.shape == (*items.shape, 3) and not hidden[:, :2].any() and not hidden[0, :4].any()
    vectors = (encoder.table(items) + 1) * (items * 10).unsqueeze(-1)
    assert_close(hidden[1, 2:], vectors[1, 2:].cumsum(0))


@pytest.mark.parametrize("width", [1, 3, 4, 6])
def test_rows_of_fixed_length_are_padded_or_cut_to_it(corpus, items, width):
    encoder = Whole(corpus, causal=False)
    x = encoder(batch_of(items[:, -width:]))
    assert x.hidden.shape == (2, width, 3)
    assert encoder.given[0][0].shape == (2, LENGTH)
    assert_close(x.users, x.hidden[:, -1]), "it has no mask token to rank at"
    assert torch.equal(encoder.given[0][0][1, -1:], items[1, -1:]) and len(encoder.given) == 1
    assert not x.hidden[items[:, -width:] == PAD].any()


def test_a_pass_that_a_model_has_not_is_refused(corpus, items):
    with pytest.raises(CompositionError, match="Whole has no pass with causal=true"):
        Whole(corpus, causal=False)(batch_of(items)).view(items, causal=True).hidden  # noqa: B018


@pytest.mark.parametrize("size", ["dim", "max_length"])
def test_sizes_are_checked(corpus, size):
    with pytest.raises(CompositionError, match=f"Summing: {size}=0 must be at least 1"):
        Summing(corpus, **{size: 0})


def test_positions_of_all_rows_behind_one_another(corpus):
    encoder = Summing(Corpus(corpus.items, corpus.offsets, corpus.n_users, corpus.n_items))
    x = encoder(batch_of(torch.tensor([[0, 1], [2, 3]])))
    flat = x.pool("flatten")
    assert flat.shape == (2, LENGTH * 3)
    assert_close(flat, torch.cat([torch.zeros(2, 6), x.hidden.flatten(1)], dim=1))
