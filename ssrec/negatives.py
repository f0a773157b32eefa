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
    """Draws an item for each user among those outside the user's training history.

    uniform: alike; popularity: in proportion to training events. Exact: a place in the mass of the unmet items is drawn
    and turned into the item by binary search. Raises DataError where a user leaves nothing to draw.
    """

    def __init__(self, corpus: Corpus, distribution: Distribution = "uniform"):
        super().__init__()
        weights = corpus.counts.clone() if distribution == "popularity" else torch.ones(corpus.item_rows).long()
        weights[0] = 0
        below = weights.cumsum(0) - weights  # the mass of the items before each
        met = torch.unique(corpus.history.rows * corpus.item_rows + corpus.items)
        user, item = met // corpus.item_rows, met % corpus.item_rows
        start = torch.searchsorted(user, torch.arange(corpus.user_rows))
        passed = torch.cat([weights.new_zeros(1), weights[item].cumsum(0)])  # the mass met before each of `met`
        total, met_mass = int(weights.sum()), torch.zeros(corpus.user_rows).long().index_add_(0, user, weights[item])
        full = (met_mass >= total).nonzero()
        if len(full):
            every = f"all {int((weights > 0).sum())} items" + (" that have any" if distribution == "popularity" else "")
            raise DataError(
                f"user {int(full[0])} has training events with {every}, so no negative can be drawn; use a larger "
                "catalogue or leave such users out"
            )
        unmet_below = below[item] - (passed[:-1] - passed[start[user]])
        self.stride = total + 1
        self.distribution = distribution
        self.register_buffer("keys", user * self.stride + unmet_below, persistent=False)  # ascending, as `met` is
        self.register_buffer("first", passed[start], persistent=False)
        self.register_buffer("passed", passed, persistent=False)
        self.register_buffer("free", total - met_mass, persistent=False)
        self.register_buffer("cumulative", weights.cumsum(0), persistent=False)
        self.keys: Tensor
        self.first: Tensor
        self.passed: Tensor
        self.free: Tensor
        self.cumulative: Tensor

    def forward(self, users: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        place = torch.randint(2**62, users.shape, device=users.device) % self.free[users]
        n_met = torch.searchsorted(self.keys, users * self.stride + place, right=True)
        place = place + self.passed[n_met] - self.first[users]
        if self.distribution == "uniform":  # the same item as below, without a second search
            return place + 1
        return torch.searchsorted(self.cumulative, place, right=True)
