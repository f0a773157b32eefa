"""Logits of pairs of what a user did and what an item is."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.bag_linear import BagLinear
from ssrec.batch import Batch, Corpus, Ragged
from ssrec.encodings.encoding import Encoding, Lazy
from ssrec.interactions import Interaction
from ssrec.models.encoder import Encoder
from ssrec.models.sequence import MakeTable
from ssrec.nn import initialise
from ssrec.sparse import bags


@final
class PairEncoding(Encoding):
    """A pass over sets of items, whose logits with any items are those of an interaction.

    `users` "B D" and `items` "N D" are what the interaction reads; where it is a dot product, scores are theirs.
    """

    def __init__(
        self,
        batch: Batch,
        bag: Ragged,
        encode: Callable[[Ragged], Tensor],
        items: Lazy[Tensor],
        interaction: Interaction,
    ):
        self.batch = batch
        self.bag = bag
        self._encode = encode
        self._users = Lazy(lambda: encode(bag))
        self._items = items
        self._interaction = interaction

    @property
    def users(self) -> Float[Tensor, "B D"]:
        return self._users()

    @property
    def items(self) -> Float[Tensor, "N D"]:
        return self._items()

    def view(self, bag: Ragged) -> "PairEncoding":
        """A new pass, with its own dropout, over other bags of the same rows."""
        return PairEncoding(self.batch, bag, self._encode, self._items, self._interaction)

    def logits(self, rows: Int[Tensor, "P"], ids: Int[Tensor, "P K"]) -> Float[Tensor, "P K"]:
        """Those of the rows' users, a row as often as it is named, with the items named beside it."""
        return self._interaction.logits(self.users[rows], self.items, ids)

    def scores(self) -> Float[Tensor, "B N"]:
        users, items = self.users, self.items
        with torch.autocast(users.device.type, enabled=False):
            return self._interaction.scores(users.float(), items.float())

    def item_vectors(self) -> Float[Tensor, "N D"] | None:
        return self.items if self._interaction.width > 1 else None  # a number is no vector

    def user_vectors(self) -> Float[Tensor, "B D"] | None:
        return self.users if self._interaction.width > 1 else None


@final
class PairScorer(Encoder):
    """A user's behaviour vector x and an item's features y, each mapped linearly, W x + b and V y, and a logit of both.

    What an item is, is what the table reads: its attributes, images or numbers (by content), a free vector
    (collaborative), or their sum (hybrid).

    Args:
        corpus: The training split, for its sizes and the content of its items.
        interaction: What makes a logit of both sides.
        table: Makes V y from the corpus and the interaction's width.
        dropout: Probability that an item of a bag is left out of x in training.
        normalise: Whether x is divided by its L2 norm.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        interaction: Interaction,
        table: MakeTable,
        dropout: float = 0.0,
        normalise: bool = False,
    ):
        super().__init__(corpus)
        self.item_rows = corpus.item_rows
        self.interaction = interaction
        self.inputs = BagLinear(
            "pair_scorer", corpus.item_rows, interaction.width, dropout=dropout, normalise=normalise
        )
        self.table = table(corpus, interaction.width)
        initialise(self.table, "xavier")

    def forward(self, batch: Batch, shared: object = None) -> PairEncoding:
        bag = bags(batch.seen, self.item_rows, "pair_scorer")
        items = Lazy(lambda: shared if isinstance(shared, Tensor) else self.shared())
        return PairEncoding(batch, bag, self.inputs, items, self.interaction)

    def shared(self) -> Float[Tensor, "N D"]:
        return self.table.draw().all()
