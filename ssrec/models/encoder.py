"""`Encoder: Batch -> Encoding`, and the families of encodings that objectives read.

An encoding is one lazy pass over one batch, shared by all objectives of a step; it lives for that step only.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, TypeVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Batch, Corpus, Ragged

T = TypeVar("T")


@final
class Lazy(Generic[T]):
    """A value computed at the first call, under the grad mode of its construction.

    A plain cached property first read under `no_grad` would carry no gradient, silently.
    """

    def __init__(self, compute: Callable[[], T]):
        self._compute = compute
        self._grad = torch.is_grad_enabled()
        self._value: list[T] = []

    def __call__(self) -> T:
        if not self._value:
            with torch.set_grad_enabled(self._grad):
                self._value.append(self._compute())
        return self._value[0]


class Encoding(ABC):
    """One pass over `batch`; every encoding can score the catalogue for ranking."""

    batch: Batch

    @abstractmethod
    def scores(self) -> Float[Tensor, "B N"]:
        """A score per row and item row in fp32 (in half precision they tie and lose accuracy)."""

    def item_vectors(self) -> Float[Tensor, "N D"] | None:
        """Vectors of the catalogue for diversity over vectors; None where a model has none."""
        return None

    def user_vectors(self) -> Float[Tensor, "B D"] | None:
        """Vectors of the rows' users for diagnostics; None where a model has none."""
        return None


def dot_scores(users: Float[Tensor, "B D"], items: Float[Tensor, "N D"]) -> Float[Tensor, "B N"]:
    """`users @ items.T` in fp32, whatever the precision of training."""
    with torch.autocast(users.device.type, enabled=False):
        return users.float() @ items.float().T


Encode = Callable[[Int[Tensor, "B T"], bool, Int[Tensor, "B T"] | None], Float[Tensor, "B T D"]]


Pool = Literal["last", "mean", "flatten"]


@final
class SequenceEncoding(Encoding):
    """A pass over item sequences.

    `hidden[:, t]` has read `ids[:, :t + 1]` in a causal pass and all of `ids` in another. In a pass that is not
    causal a user's vector is read at a mask token put after the past, as BERT4Rec ranks, where the encoder has one.
    """

    def __init__(
        self,
        batch: Batch,
        encode: Encode,
        items: Lazy[Tensor],
        *,
        mask: int | None,
        causal: bool,
        max_length: int,
        ids: Tensor | None = None,
        times: Tensor | None = None,
    ):
        self.batch = batch
        self.causal = causal
        self.mask = mask
        self.max_length = max_length
        self.ids: Tensor = batch.items if ids is None else ids
        self.times: Tensor | None = batch.times if ids is None else times
        self._encode = encode
        self._items = items
        self._hidden = Lazy(lambda: encode(self.ids, causal, self.times))
        self._grad = torch.is_grad_enabled()
        self._once: dict[Hashable, Any] = {}

    @property
    def hidden(self) -> Float[Tensor, "B T D"]:
        return self._hidden()

    @property
    def items(self) -> Float[Tensor, "N D"]:
        return self._items()

    @property
    def users(self) -> Float[Tensor, "B D"]:
        if self.causal or self.mask is None:
            return self.pool("last")
        query = self.ids.new_full((len(self.ids), 1), self.mask)
        return self.view(torch.cat([self.ids, query], dim=1), causal=False).pool("last")

    def view(
        self, ids: Int[Tensor, "B S"], *, causal: bool, times: Int[Tensor, "B S"] | None = None
    ) -> "SequenceEncoding":
        """A new pass, with its own dropout, over other ids of the same rows, and their times where they have any."""
        own = {"mask": self.mask, "max_length": self.max_length}
        return SequenceEncoding(self.batch, self._encode, self._items, causal=causal, ids=ids, times=times, **own)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made at the first call with `key`: a draw or a pass that objectives of a step share."""
        if key not in self._once:
            with torch.set_grad_enabled(self._grad):  # as `Lazy` computes
                self._once[key] = make()
        return self._once[key]

    def pool(self, kind: Pool) -> Float[Tensor, "B D"]:
        """One vector per row, of what is not padding.

        last: at the last position. mean: over positions. flatten: all positions behind one another, zero at padding,
        `max_length` times as wide (CoSeRec: Liu et al., arXiv 2021, as its code runs, there with padding's vectors).
        """
        if kind == "last":
            return self.hidden[:, -1:].sum(1)  # of one position, or of none where no row has a past
        if kind == "flatten":
            return F.pad(self.hidden, (0, 0, self.max_length - self.hidden.shape[1], 0)).flatten(1)
        real = (self.ids != PAD).unsqueeze(-1)
        return (self.hidden * real).sum(1) / real.sum(1).clamp(min=1)

    def scores(self) -> Float[Tensor, "B N"]:
        return dot_scores(self.users, self.items)

    def item_vectors(self) -> Float[Tensor, "N D"]:
        return self.items

    def user_vectors(self) -> Float[Tensor, "B D"]:
        return self.users


@final
class GraphEncoding(Encoding):
    """A propagation over the graph of users and items: `layers[l]` "V D" after l steps, `nodes` their readout."""

    def __init__(self, batch: Batch, layers: Lazy[list[Tensor]], nodes: Lazy[Tensor], *, user_rows: int):
        self.batch = batch
        self._layers = layers
        self._nodes = nodes
        self._user_rows = user_rows

    @property
    def layers(self) -> list[Tensor]:
        return self._layers()

    @property
    def nodes(self) -> Float[Tensor, "V D"]:
        return self._nodes()

    @property
    def users(self) -> Float[Tensor, "B D"]:
        """The node of each row's user; one who was not trained on is the mean of the items in her past."""
        known, seen = self.nodes[self.batch.user], self.batch.seen
        strangers = (self.batch.user == PAD).nonzero().flatten()
        if seen is None or not len(strangers):
            return known
        past = seen.select(strangers)
        folded = F.embedding_bag(past.values, self.items, past.offsets[:-1], mode="mean")
        return known.index_copy(0, strangers, folded.to(known.dtype))

    @property
    def items(self) -> Float[Tensor, "N D"]:
        return self.nodes[self._user_rows :]

    def item_node(self, items: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """The node of each item id: nodes are the user rows, then the item rows."""
        return items + self._user_rows

    def scores(self) -> Float[Tensor, "B N"]:
        return dot_scores(self.users, self.items)

    def item_vectors(self) -> Float[Tensor, "N D"]:
        return self.items

    def user_vectors(self) -> Float[Tensor, "B D"]:
        return self.users


@final
class BagEncoding(Encoding):
    """A pass over sets of items, never made dense: `bag` holds each row's items, `posterior` (mean, log variance)."""

    def __init__(
        self,
        batch: Batch,
        bag: Ragged,
        posterior: Lazy[tuple[Tensor, Tensor]],
        decode: Callable[[Tensor, Tensor], Tensor],
        items: Lazy[Tensor],
    ):
        self.batch = batch
        self.bag = bag
        self._posterior = posterior
        self._users = Lazy(lambda: decode(*posterior()))
        self._items = items

    @property
    def posterior(self) -> tuple[Float[Tensor, "B Z"], Float[Tensor, "B Z"]]:
        return self._posterior()

    @property
    def users(self) -> Float[Tensor, "B D"]:
        return self._users()

    @property
    def items(self) -> Float[Tensor, "N D"]:
        return self._items()

    def scores(self) -> Float[Tensor, "B N"]:
        return dot_scores(self.users, self.items)

    def item_vectors(self) -> Float[Tensor, "N D"]:
        return self.items

    def user_vectors(self) -> Float[Tensor, "B D"]:
        return self.users


@final
class FittedEncoding(Encoding):
    """What a model fitted in closed form gives: scores, and nothing that an objective could train."""

    def __init__(self, batch: Batch, score: Callable[[Batch], Tensor]):
        self.batch = batch
        self._score = score

    def scores(self) -> Float[Tensor, "B N"]:
        return self._score(self.batch)


class Encoder(nn.Module, ABC):
    """A model. It is built from `Corpus` and its settings; the return type of `forward` names its family."""

    reads_weights: ClassVar[bool] = False  # whether events of larger weight count more; else all count alike
    needs: ClassVar[frozenset[str]] = frozenset()  # what the dataset must have: times
    needs_when: ClassVar[Mapping[str, str]] = MappingProxyType({})  # a setting, and what the dataset must have for it
    personal: ClassVar[bool] = True  # whether it means to rank for each user, rather than the same for everybody
    passes: ClassVar[tuple[bool, ...]] = (True, False)  # of sequences: whether a pass may be causal, and may be not
    reads_padding: ClassVar[bool] = False  # whether more padding before a row may change what it gives, and does

    def __init__(self, corpus: Corpus):
        super().__init__()

    def shared(self) -> object:
        """What does not depend on the batch (a propagation, an item tower): computed once per evaluation."""
        return None

    @abstractmethod
    def forward(self, batch: Batch, shared: object = None) -> Encoding:
        """Encode a batch; `shared` is what `shared()` returned where it was computed before."""
