"""Items that an encoder finds likely before a user's first event."""

import torch
from jaxtyping import Int
from torch import Tensor

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.data.prior import Prior, backwards
from ssrec.models.encoder import Encoder
from ssrec.nn import require

ROWS = 512  # users generated for at once, at most
SCORES = 1 << 24  # scores held at once, so that the size of the catalogue does not decide memory


@torch.no_grad()
def prior_items(encoder: Encoder, corpus: Corpus, prior: Prior, max_length: int) -> Ragged:
    """Row u: the items before the first training event of user u, in the order in which they are read.

    One after another, away from the first event, each the item of the highest score for the history read backwards
    (ASReP: Liu et al., SIGIR 2021); only trained items that the history has not, generated ones included. The encoder
    has learned histories read backwards. Nothing is drawn.

    Raises:
        CompositionError: no history is short enough.
    """
    length = corpus.history.lengths
    free = int(corpus.trained.sum()) - length
    n = (prior.shorter_than - length).clamp(max=prior.n).minimum(free).clamp(min=0).masked_fill(length == 0, 0)
    least = int(length[length > 0].min())
    said = f"prior.shorter_than={prior.shorter_than} generates nothing"
    require(least < prior.shorter_than, f"{said}: every training history has {least} events or more")
    users, back = n.nonzero().flatten(), backwards(corpus)
    found = corpus.items.new_zeros(len(users), prior.n)
    training = encoder.training
    encoder.eval()
    shared = encoder.shared()
    for rows in torch.arange(len(users)).split(max(1, min(ROWS, SCORES // corpus.item_rows))):
        most = int(n[users[rows]].max())
        found[rows, :most] = _generated(encoder, back, users[rows], most, max_length, shared)
    encoder.train(training)
    nearest_last = found.flip(1)
    kept = torch.arange(prior.n) >= prior.n - n[users][:, None]
    return Ragged(nearest_last[kept], torch.cat([n.new_zeros(1), n.cumsum(0)]))


def _generated(
    encoder: Encoder, back: Corpus, users: Int[Tensor, "R"], n: int, max_length: int, shared: object
) -> Int[Tensor, "R n"]:
    """n items after the histories of `back`, the nearest first; 0 where no item is left."""
    ids = back.history.select(users).padded()
    times = None if back.times is None else Ragged(back.times, back.offsets).select(users).padded()
    width = ids.shape[1]
    for _ in range(n):
        seen = None if times is None else times[:, -max_length:]
        batch = Batch(users, users, ids[:, -max_length:], ids.new_zeros(len(ids), 1), times=seen)
        scores = encoder(batch, shared).scores().masked_fill(~back.trained, -torch.inf).scatter(1, ids, -torch.inf)
        ids = torch.cat([ids, scores.argmax(1, keepdim=True)], dim=1)
        times = None if times is None else torch.cat([times, times[:, -1:]], dim=1)
    return ids[:, width:]
