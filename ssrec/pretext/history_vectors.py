"""A vector of every training user's history, for what is fitted on them once an epoch."""

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.distributed import distributed, of_all
from ssrec.encodings.sequence import Pool, SequenceEncoding
from ssrec.models.encoder import Encoder

ROWS = 1024  # encoded at once


def users_with_rows(corpus: Corpus) -> Int[Tensor, "M"]:
    """The users with the two events that a training row needs."""
    return (corpus.history.lengths > 1).nonzero().flatten()


@torch.no_grad()
def history_vectors(encoder: Encoder, corpus: Corpus, pool: Pool, max_length: int) -> Float[Tensor, "M D"]:
    """The pooled vectors of what the last training row of each user reads, without dropout.

    That is her history without its last event, cut to `max_length`. Each process encodes a share; all get the whole.
    """
    device = next(encoder.parameters()).device
    users = users_with_rows(corpus)
    if distributed():
        users = users.tensor_split(dist.get_world_size())[dist.get_rank()]
    training = encoder.training
    encoder.eval()
    parts = [_pooled(encoder, _rows(corpus, some, max_length).to(device), pool) for some in users.split(ROWS)]
    encoder.train(training)
    return of_all(torch.cat(parts))[0]


def _pooled(encoder: Encoder, batch: Batch, pool: Pool) -> Float[Tensor, "R D"]:
    x = encoder(batch)
    assert isinstance(x, SequenceEncoding)
    return x.pool(pool).float()


def _rows(corpus: Corpus, users: Int[Tensor, "R"], max_length: int) -> Batch:
    def past(values: Tensor) -> Tensor:
        return Ragged(values, corpus.offsets).select(users).padded(max_length + 1)[:, :-1]

    times = None if corpus.times is None else past(corpus.times)
    target = corpus.items[corpus.offsets[users + 1] - 1][:, None]
    return Batch(users, users, past(corpus.items), target, times=times)
