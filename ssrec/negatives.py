"""Items that did not happen, drawn by whole-array operations without rejection."""

from typing import Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.errors import DataError

Distribution = Literal["uniform", "popularity"]


@final
class Proposal(nn.Module):
    """Draws items of the catalogue with replacement: alike, or in proportion to their training events."""

    def __init__(self, corpus: Corpus, distribution: Distribution):
        super().__init__()
        self.distribution = distribution
        weights = corpus.counts.clone() if distribution == "popularity" else torch.ones(corpus.item_rows).long()
        weights[0] = 0
        self.register_buffer("cumulative", weights.cumsum(0), persistent=False)
        self.register_buffer("log_probabilities", (weights / weights.sum()).log(), persistent=False)
        self.cumulative: Tensor
        self.log_probabilities: Tensor

    def sample(self, *shape: int) -> Int[Tensor, "..."]:
        """Item ids of the given shape."""
        device = self.cumulative.device
        if self.distribution == "uniform":  # the same draw as below, 20 times as fast
            return torch.randint(1, len(self.cumulative), shape, device=device)
        event = torch.randint(int(self.cumulative[-1]), shape, device=device)
        return torch.searchsorted(self.cumulative, event, right=True)

    def log_probability(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """In nats; -inf for items that are never drawn."""
        return self.log_probabilities[ids]


@final
class Others(nn.Module):
    """Draws `k` items for each label, alike among all items but the label.

    Raises DataError where the catalogue has one item.
    """

    def __init__(self, corpus: Corpus):
        super().__init__()
        if corpus.n_items < 2:
            raise DataError(f"a negative needs a catalogue of at least 2 items, and this one has {corpus.n_items}")
        self.n_items = corpus.n_items

    def forward(self, labels: Int[Tensor, "P"], k: int) -> Int[Tensor, "P K"]:
        draw = torch.randint(1, self.n_items, (len(labels), k), device=labels.device)
        return draw + (draw >= labels[:, None])


@final
class Unmet(nn.Module):
    """Draws an item for each user, alike among those outside the user's training history.

    Exact: a rank among the unmet items is drawn and turned into the item by one binary search. Raises DataError where
    a user has met the whole catalogue.
    """

    def __init__(self, corpus: Corpus):
        super().__init__()
        stride = corpus.item_rows
        met = torch.unique(corpus.history.rows * stride + corpus.items)
        user, item = met // stride, met % stride
        degree = torch.bincount(user, minlength=corpus.user_rows)
        full = (degree >= corpus.n_items).nonzero()
        if len(full):
            raise DataError(
                f"user {int(full[0])} has training events with all {corpus.n_items} items, so no negative can be "
                "drawn; use a larger catalogue or leave such users out"
            )
        start = degree.cumsum(0) - degree
        unmet_below = item - 1 - (torch.arange(len(met)) - start[user])
        self.stride = stride
        self.register_buffer("keys", user * stride + unmet_below, persistent=False)  # ascending, as `met` is
        self.register_buffer("start", start, persistent=False)
        self.register_buffer("free", corpus.n_items - degree, persistent=False)
        self.keys: Tensor
        self.start: Tensor
        self.free: Tensor

    def forward(self, users: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        rank = torch.randint(2**62, users.shape, device=users.device) % self.free[users]
        met_below = torch.searchsorted(self.keys, users * self.stride + rank, right=True) - self.start[users]
        return rank + 1 + met_below
