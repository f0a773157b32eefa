"""The item most like each item: by who met both in training, and later also by their vectors."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.nn import require
from ssrec.sparse import cooccurrence, group

CELLS = 2**24  # numbers computed at once
Best = tuple[Int[Tensor, "N"], Float[Tensor, "N"]]  # the best other item of each, and its score; -inf without one


@final
class Similar(nn.Module):
    """`item[i]`, the trained item most similar to item i, `PAD` where there is none.

    By ItemCF-IUF: `sum_u 1 / log(1 + n_u)` over the users who met both, n_u being how many items one met, divided by
    `sqrt(U_i U_j)`, the numbers of users who met each. From epoch `refresh` on (counted from 0, over those in which the
    view takes part) by the larger of that and the dot product of their vectors at the start of each epoch, both scaled
    by their least and largest value over pairs to 0..1 (CoSeRec: Liu et al., arXiv 2021, and its code).

    Raises:
        CompositionError: for a negative `refresh`.
    """

    def __init__(self, corpus: Corpus, refresh: int | None):
        super().__init__()
        require(refresh is None or refresh >= 0, f"refresh={refresh}: epochs are counted from 0")
        self.refresh = refresh
        fitted, score = _by_users(corpus)
        self.register_buffer("item", fitted, persistent=False)
        self.register_buffer("fitted", fitted, persistent=False)
        self.register_buffer("score", score, persistent=False)
        self.register_buffer("trained", corpus.trained.nonzero().flatten(), persistent=False)
        self.register_buffer("epoch", torch.zeros((), dtype=torch.long))  # the one thing that no resumed run can refit
        self.item: Tensor
        self.fitted: Tensor
        self.score: Tensor
        self.trained: Tensor
        self.epoch: Tensor

    def begin_epoch(self, items: Callable[[], Tensor]) -> None:
        """Let the item vectors "N D" that `items` computes have their say, once they may."""
        if self.refresh is not None and int(self.epoch) >= self.refresh:
            item, score = _by_vectors(items()[self.trained].float())
            fitted = self.fitted[self.trained]
            best = torch.where(score > self.score[self.trained], self.trained[item], fitted)
            self.item = self.fitted.index_copy(0, self.trained, best)
        self.epoch += 1


def _by_users(corpus: Corpus) -> Best:
    history, n = corpus.history, corpus.item_rows
    met = group(history.rows, history.values, len(history), n)
    rarity = torch.bincount(met.values, minlength=n).clamp(min=1).float().rsqrt()
    weights = 1 / met.lengths.clamp(min=1).float().log1p()
    item, score, least = torch.zeros(n, dtype=torch.long), torch.zeros(n), torch.tensor(torch.inf)
    for columns, mass in cooccurrence(history, n, CELLS, weights):
        own = torch.arange(columns.start, columns.stop)
        similarity = mass.mul_(rarity[:, None]).mul_(rarity[columns])
        similarity[own, own - columns.start] = 0.0
        score[columns], item[columns] = similarity.max(0)
        least = torch.minimum(least, similarity.masked_fill_(similarity == 0, torch.inf).amin())
    alone = score == 0
    scaled = _scaled(score, least, score.amax())
    return item.masked_fill(alone, PAD), scaled.masked_fill(alone, -torch.inf)


def _by_vectors(vectors: Float[Tensor, "N D"]) -> Best:
    n = len(vectors)
    item, score = torch.zeros(n, dtype=torch.long, device=vectors.device), vectors.new_zeros(n)
    least, largest = vectors.new_tensor(torch.inf), vectors.new_tensor(-torch.inf)
    for own in torch.arange(n, device=vectors.device).split(max(CELLS // max(n, 1), 1)):
        dots = vectors[own] @ vectors.T
        least, largest = torch.minimum(least, dots.amin()), torch.maximum(largest, dots.amax())
        dots[own - own[0], own] = -torch.inf
        score[own], item[own] = dots.max(1)
    return item, _scaled(score, least, largest)


def _scaled(score: Float[Tensor, "N"], least: Float[Tensor, ""], largest: Float[Tensor, ""]) -> Float[Tensor, "N"]:
    return (score - least) / (largest - least).clamp(min=1e-12)
