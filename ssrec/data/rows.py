"""Training rows as index arrays into the corpus, and the plan of an epoch: which rows share a batch.

Nothing is materialised per row: a batch is cut out of the flat arrays by whole-array operations.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Int
from torch import Tensor

from ssrec.batch import PAD, Batch, Corpus, Ragged
from ssrec.data.prior import first_times, prepended
from ssrec.data.split import Held
from ssrec.errors import DataError

Kind = Literal["window", "prefix", "edge", "history"]
KINDS: tuple[str, ...] = get_args(Kind)
Sampling = Literal["users"]
POOL = 2  # batches among whose rows `length` sorts
MIN_ROWS = 16  # a smaller last batch joins the one before it; others, of equally many tokens, may be smaller


@dataclass(frozen=True)
class Rows:
    """Row r reads the events `start[r]:stop[r]` of the corpus; its target, where its kind has one, is event `stop[r]`.

    window: a user's history cut into windows of at most `max_length` inputs; every event but a user's first is the
    label of exactly one position. prefix: one row per label. edge: one row per event, nothing to read.
    history: one row per user, everything to read and nothing asked.
    """

    kind: Kind
    corpus: Corpus
    start: Int[Tensor, "R"]
    stop: Int[Tensor, "R"]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def lengths(self) -> Int[Tensor, "R"]:
        return self.stop - self.start

    @property
    def targets(self) -> Int[Tensor, "R"]:
        """Training targets of each row: a window's labels, one for a prefix or an edge, a history's events."""
        return self.lengths if self.kind in ("window", "history") else torch.ones_like(self.start)

    def users(self, rows: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        """Whose they are; rows stand in the order of their users."""
        return torch.searchsorted(self.corpus.offsets, self.start[rows], right=True) - 1  # whose event `start` is

    def batch(self, rows: Int[Tensor, "B"], n_targets: int = 0) -> Batch:
        """Cut rows out of the corpus: right-aligned, as wide as the longest of them."""
        corpus, start, stop, user = self.corpus, self.start[rows], self.stop[rows], self.users(rows)
        if self.kind == "history":
            nothing = start.new_zeros(len(rows), 0)
            seen = corpus.history.select(user)
            return Batch(rows, user, nothing, nothing, seen=seen, n_targets=n_targets, kind=self.kind)
        width = int((stop - start).max()) if len(rows) else 0
        index = stop[:, None] - width + torch.arange(width)
        real = index >= start[:, None]
        index = index.clamp(min=0)
        times = None if corpus.times is None else torch.where(real, corpus.times[index], 0)
        items = torch.where(real, corpus.items[index], PAD)
        target = corpus.items[stop][:, None]
        return Batch(rows, user, items, target, times=times, n_targets=n_targets, kind=self.kind)


def make_rows(corpus: Corpus, kind: Kind, max_length: int) -> Rows:
    """The training rows of a corpus.

    Raises:
        DataError: no user has enough events for a single row.
    """
    first, end = corpus.offsets[:-1], corpus.offsets[1:]
    if kind == "edge":
        start = stop = torch.arange(len(corpus.items))
    elif kind == "history":
        some = end > first
        start, stop = first[some], end[some]
    elif kind == "prefix":
        start, stop = torch.repeat_interleave(first, end - first), torch.arange(len(corpus.items))
        labelled = stop > start
        start, stop = start[labelled], stop[labelled]
        start = torch.maximum(start, stop - max_length)
    else:
        # Windows end at a user's last event and step back by max_length labels; the first one is the short one.
        labels = (end - first - 1).clamp(min=0)
        n = (labels + max_length - 1) // max_length
        user = torch.repeat_interleave(n)
        nth = torch.arange(len(user)) - torch.repeat_interleave(n.cumsum(0) - n, n)
        stop = (end - 1)[user] - nth * max_length
        start = torch.maximum(first[user], stop - max_length)
    if not len(start):
        raise DataError(f"the training split gives no {kind} rows: no user has the two events that a label needs")
    return Rows(kind, corpus, start, stop)


def plan(
    rows: Rows,
    batching: Literal["length", "mixed"],
    batch_size: int,
    generator: torch.Generator,
    sampling: Sampling | None = None,
) -> list[Tensor]:
    """One epoch's batches in an order drawn from `generator`, the same for all processes: every row once, or a sample.

    users: as many rows as there are, each drawn from those of a user who is drawn uniformly, so that a user counts as
    much as any other instead of by her events (LightGCN: He et al., SIGIR 2020, as its code runs).
    mixed: `batch_size` random rows a batch. length: the rows of a random pool of `POOL` such batches are sorted by
    length and cut into as many batches of equally many tokens, so that an epoch has as many steps as with `mixed`.
    Larger pools pad less and train worse: on Amazon Beauty the loss after 5 epochs was above that of mixed by 1.5 %
    where all rows were sorted, by .9 % in pools of 4 batches, by .3 % in pools of 2.
    """
    order = torch.randperm(len(rows), generator=generator) if sampling is None else _of_users(rows, generator)
    if batching == "mixed" or rows.kind in ("edge", "history"):
        batches = list(order.split(batch_size))
    else:
        lengths = rows.lengths
        batches = [batch for pool in order.split(POOL * batch_size) for batch in _by_length(pool, lengths, batch_size)]
    if len(batches) > 1 and len(batches[-1]) < MIN_ROWS:
        batches[-2:] = [torch.cat(batches[-2:])]
    if batching == "length":
        batches = [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
    return batches


def _of_users(rows: Rows, generator: torch.Generator) -> Int[Tensor, "R"]:
    """As many rows as there are, with replacement: a user, then one of her rows, each uniformly."""
    _, counts = rows.users(torch.arange(len(rows))).unique_consecutive(return_counts=True)
    user = torch.randint(len(counts), (len(rows),), generator=generator)
    nth = torch.rand(len(rows), generator=generator, dtype=torch.float64) * counts[user]
    return (counts.cumsum(0) - counts)[user] + nth.long()


def _by_length(pool: Int[Tensor, "P"], lengths: Int[Tensor, "R"], batch_size: int) -> list[Tensor]:
    """A pool's rows in batches of similar length and equally many tokens."""
    lengths, order = lengths[pool].sort(stable=True)  # stable: a random order among equals
    n = max(1, round(len(pool) / batch_size))
    nth = (lengths.cumsum(0) - lengths) * n // max(int(lengths.sum()), 1)
    return [batch for batch in pool[order].split(torch.bincount(nth).tolist()) if len(batch)]


def held_batch(held: Held, rows: Int[Tensor, "B"], max_length: int, prior: Ragged | None = None) -> Batch:
    """Cut held-out rows: the truncated past to read, the full past to keep out of the ranking, the targets.

    Row u of `prior` is read before the past of user u, and not kept out of the ranking.
    """
    user, seen, target = held.user[rows], held.past.select(rows), held.target.select(rows).padded()
    read, times = seen, None if held.times is None else Ragged(held.times, held.past.offsets).select(rows)
    if prior is not None:
        before = prior.select(user)
        read, times = prepended(before, seen), times and prepended(first_times(before, times), times)
    at = None if times is None else times.padded(max_length)
    return Batch(rows, user, read.padded(max_length), target, times=at, seen=seen)
