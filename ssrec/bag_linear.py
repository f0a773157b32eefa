"""A linear layer over sets of items that are never made dense."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import Ragged
from ssrec.nn import dropout, require_dropout
from ssrec.sparse import sum_rows


def bag_product(
    weight: Float[Tensor, "N D"], bag: Ragged, *, p: float = 0.0, normalise: bool = False
) -> Float[Tensor, "B D"]:
    """`x @ weight` of each row's behaviour vector x, which has a one where the row's bag has an item.

    `normalise` divides x by its L2 norm; each of its items is left out with probability p, and the others then count
    1 / (1 - p) times as much.
    """
    entries = torch.ones_like(bag.values, dtype=weight.dtype)
    if normalise:
        entries = bag.lengths[bag.rows].to(entries.dtype).rsqrt()
    return sum_rows(weight, bag, dropout(entries, p, training=True))


@final
class BagLinear(nn.Module):
    """`W x + b` of each row's behaviour vector x, see `bag_product`.

    Args:
        owner: The model's name, for messages.
        item_rows: The length of x.
        width: The length of what it gives.
        dropout: Probability that an item of a bag is left out of x in training; the others then count more.
        normalise: Whether x is divided by its L2 norm.

    Raises:
        CompositionError: For a probability outside [0, 1).
    """

    def __init__(self, owner: str, item_rows: int, width: int, *, dropout: float = 0.0, normalise: bool = False):
        super().__init__()
        require_dropout(owner, dropout)
        self.p = dropout
        self.normalise = normalise
        self.weight = nn.Parameter(torch.empty(item_rows, width))
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, bag: Ragged) -> Float[Tensor, "B D"]:
        p = self.p if self.training else 0.0
        return bag_product(self.weight, bag, p=p, normalise=self.normalise) + self.bias
