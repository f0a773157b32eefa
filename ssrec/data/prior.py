"""Histories read backwards, and items put before their first event (ASReP: Liu et al., SIGIR 2021)."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from ssrec.batch import Corpus, Ragged
from ssrec.nn import require


@dataclass(frozen=True, kw_only=True)
class Prior:
    """How many items are generated before whose first event: at most `n`, before histories of fewer than
    `shorter_than` training events, and none beyond that length.
    """

    n: int = 0
    shorter_than: int = 20

    def __post_init__(self) -> None:
        require(self.n >= 0, f"prior.n={self.n} must not be negative; 0 generates none")
        require(self.shorter_than >= 2, f"prior.shorter_than={self.shorter_than} must be at least 2 events")


def backwards(corpus: Corpus) -> Corpus:
    """The same training events with each user's in reverse order; times are mirrored, so that they still rise."""
    row, place = corpus.history.rows, torch.arange(len(corpus.items))
    first, end = corpus.offsets[:-1], corpus.offsets[1:]
    back = first[row] + end[row] - 1 - place
    times = corpus.times
    if times is not None:
        times = times[first[row]] + times[end[row] - 1] - times[back]
    weights = None if corpus.weights is None else corpus.weights[back]
    return replace(corpus, items=corpus.items[back], times=times, weights=weights)


def prepended(before: Ragged, own: Ragged) -> Ragged:
    """Row r of both, one behind the other."""
    lengths = before.lengths + own.lengths
    offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    values = own.values.new_empty(len(before.values) + len(own.values))
    values[_moved(before, offsets[:-1])] = before.values
    values[_moved(own, offsets[:-1] + before.lengths)] = own.values
    return Ragged(values, offsets)


def _moved(of: Ragged, start: Int[Tensor, "R"]) -> Int[Tensor, "E"]:
    """Where each value lands if row r begins at `start[r]`."""
    return torch.arange(len(of.values)) + (start - of.offsets[:-1])[of.rows]


def first_times(before: Ragged, times: Ragged) -> Ragged:
    """The times of items put before a row: that of its first event."""
    row = before.rows
    return Ragged(times.values[times.offsets[:-1][row]], before.offsets)


def lengthened(corpus: Corpus, prior: Ragged) -> Corpus:
    """Histories with row u of `prior` before user u's, to cut training rows from: nothing may be fitted on them."""
    whole = prepended(prior, corpus.history)
    times = None
    if corpus.times is not None:
        own = Ragged(corpus.times, corpus.offsets)
        times = prepended(first_times(prior, own), own).values
    return replace(corpus, items=whole.values, offsets=whole.offsets, times=times, weights=None)
