"""Histories read backwards and lengthened, against loops over users."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import PAD, Corpus, Ragged
from ssrec.data.module import DataModule
from ssrec.data.prior import Prior, backwards, lengthened, prepended
from ssrec.data.rows import held_batch
from ssrec.errors import CompositionError

LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=6)


def ragged(rows: list[list[int]]) -> Ragged:
    offsets = torch.tensor([0, *torch.tensor([len(row) for row in rows]).cumsum(0).tolist()])
    return Ragged(torch.tensor([v for row in rows for v in row], dtype=torch.long), offsets)


def rows_of(found: Ragged) -> list[list[int]]:
    ends = found.offsets.tolist()
    return [found.values[a:b].tolist() for a, b in pairwise(ends)]


def drawn(lengths: list[int], most: int = 9) -> Ragged:
    return ragged([torch.randint(1, most + 1, (n,)).tolist() for n in lengths])


def corpus_of(lengths: list[int]) -> Corpus:
    history = drawn([0, *lengths])
    times = ragged([torch.randint(0, 99, (n,)).sort().values.tolist() for n in (0, *lengths)])
    weights = torch.rand(len(history.values))
    return Corpus(history.values, history.offsets, len(lengths), 9, times=times.values, weights=weights)


@given(LENGTHS)
def test_backwards_reverses_each_history(lengths):
    corpus = corpus_of(lengths)
    back = backwards(corpus)
    assert rows_of(back.history) == [row[::-1] for row in rows_of(corpus.history)]
    assert corpus.times is not None and back.times is not None
    times = rows_of(Ragged(corpus.times, corpus.offsets))
    mirrored = [[row[0] + row[-1] - t for t in reversed(row)] for row in times]
    assert rows_of(Ragged(back.times, back.offsets)) == mirrored == [sorted(row) for row in mirrored]
    assert torch.equal(back.counts, corpus.counts)
    again = backwards(back)
    for name in ("items", "times", "weights", "offsets"):
        assert torch.equal(getattr(again, name), getattr(corpus, name))


@given(LENGTHS, st.randoms())
def test_prepended_puts_one_row_behind_the_other(lengths, random):
    before, own = drawn([random.randint(0, 3) for _ in lengths]), drawn(lengths)
    expected = [a + b for a, b in zip(rows_of(before), rows_of(own), strict=True)]
    assert rows_of(prepended(before, own)) == expected


def test_lengthened_histories_take_the_time_of_the_first_event():
    corpus = corpus_of([3, 0, 1])
    prior = ragged([[], [8, 9], [], [7]])
    longer = lengthened(corpus, prior)
    own = rows_of(corpus.history)
    assert rows_of(longer.history) == [[], [8, 9, *own[1]], [], [7, *own[3]]]
    assert longer.times is not None and corpus.times is not None
    times, was = rows_of(Ragged(longer.times, longer.offsets)), rows_of(Ragged(corpus.times, corpus.offsets))
    assert times == [[], [was[1][0]] * 2 + was[1], [], [was[3][0]] + was[3]]


@pytest.fixture
def prior(world):
    """From none to four items before each user."""
    n = torch.arange(world.corpus.user_rows) % 5
    n[0] = 0
    return drawn(n.tolist(), world.corpus.n_items)


@pytest.mark.parametrize("max_length", [4, 50])
def test_held_out_rows_read_them_and_keep_the_past_alone_out(world, prior, max_length):
    for held in (world.val, world.test):
        rows = torch.arange(len(held)).flip(0)
        plain, batch = held_batch(held, rows, max_length), held_batch(held, rows, max_length, prior)
        assert plain.seen is not None and batch.seen is not None
        assert torch.equal(batch.seen.values, plain.seen.values) and torch.equal(batch.target, plain.target)
        assert batch.times is not None and held.times is not None
        before, times = rows_of(prior), rows_of(Ragged(held.times, held.past.offsets))
        for i, (row, past) in enumerate(zip(rows.tolist(), rows_of(batch.seen), strict=True)):
            own = before[int(held.user[row])]
            read = (own + past)[-max_length:]
            at = ([times[row][0]] * len(own) + times[row])[-max_length:]
            assert [x for x in batch.items[i].tolist() if x != PAD] == read
            assert batch.times[i].tolist()[-len(read) :] == at


def test_a_stranger_reads_none(world, prior):
    held = replace(world.test, user=torch.zeros_like(world.test.user))
    rows = torch.arange(len(held))
    assert torch.equal(held_batch(held, rows, 9, prior).items, held_batch(held, rows, 9).items)


@pytest.mark.parametrize("rows", ["window", "prefix"])
def test_training_rows_are_those_of_longer_histories_and_no_statistic_sees_them(world, prior, rows):
    corpus = world.corpus
    data = DataModule(world, 0, prior, rows=rows, max_length=50, batching="mixed", batch_size=16)
    longer = [a + b for a, b in zip(rows_of(prior), rows_of(corpus.history), strict=True)]
    asked = sorted((u, label) for u, row in enumerate(longer) for label in row[1:])
    found = []
    for batch in data.train_dataloader():
        labels = batch.labels if rows == "window" else batch.target
        found += [(int(u), i) for u, row in zip(batch.user, labels.tolist(), strict=True) for i in row if i != PAD]
    assert sorted(found) == asked
    assert data.splits.corpus is corpus and int(corpus.counts.sum()) == len(corpus.items)


@pytest.mark.parametrize(("wrong", "said"), [({"n": -1}, "prior.n=-1"), ({"shorter_than": 1}, "prior.shorter_than=1")])
def test_settings_outside_their_range_are_refused(wrong, said):
    with pytest.raises(CompositionError, match=said):
        Prior(**wrong)
