"""`Encoder: Batch -> Encoding`, and the families of encodings that objectives read.

An encoding is one lazy pass over one batch, shared by all objectives of a step; it lives for that step only.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, TypeVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Batch, Corpus, Ragged
from ssrec.errors import CompositionError
from ssrec.graphs import Graph

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


@final
class Once:
    """What objectives of a step share, a draw or a pass, each made at the first call with its key.

    It is computed under the grad mode of construction, as `Lazy` computes.
    """

    def __init__(self) -> None:
        self._grad = torch.is_grad_enabled()
        self._made: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._made:
            with torch.set_grad_enabled(self._grad):
                self._made[key] = make()
        return self._made[key]


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
Between = Callable[[Tensor, Tensor], Tensor]  # what enters a block and what leaves it, to what leaves it instead


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
        perturbed: Callable[[Between], Encode] | None = None,
    ):
        self.batch = batch
        self.causal = causal
        self.mask = mask
        self.max_length = max_length
        self.ids: Tensor = batch.items if ids is None else ids
        self.times: Tensor | None = batch.times if ids is None else times
        self._encode = encode
        self._perturbed = perturbed
        self._items = items
        self._hidden = Lazy(lambda: encode(self.ids, causal, self.times))
        self.once = Once()

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
        self,
        ids: Int[Tensor, "B S"],
        *,
        causal: bool,
        times: Int[Tensor, "B S"] | None = None,
        perturb: Between | None = None,
    ) -> "SequenceEncoding":
        """A new pass, with its own dropout, over other ids of the same rows, and their times where they have any.

        `perturb` changes what leaves each block, here and in views of this view, of an encoder that has blocks.

        Raises:
            CompositionError: it has none.
        """
        encode = self._encode
        if perturb is not None:
            if self._perturbed is None:
                raise CompositionError("a pass of this encoder has no blocks between which it could be perturbed")
            encode = self._perturbed(perturb)
        own = {"mask": self.mask, "max_length": self.max_length, "perturbed": self._perturbed}
        return SequenceEncoding(self.batch, encode, self._items, causal=causal, ids=ids, times=times, **own)

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


def _had(part: T | None, name: str) -> T:
    if part is None:
        raise CompositionError(f"this GraphEncoding has no {name}; those of ssrec.models.graph have")
    return part


Perturb = Callable[[int, Tensor], Tensor]  # the number of a step, from 1, and what it gives "V D", to other vectors
Graphs = Graph | Sequence[Graph]  # one for all steps, or one for each


@final
class GraphEncoding(Encoding):
    """A propagation over the graph of users and items: `layers[l]` "V D" after l steps, `nodes` their readout.

    `branches[l]` are what step l + 1 added up, before any perturbation: one product for most models. `graph` is the
    whole training graph, whichever this pass ran over, for views to draw from. `view` is how an encoder makes another
    pass, see there. Those of `ssrec.models.graph` have all of it.
    """

    def __init__(
        self,
        batch: Batch,
        layers: Lazy[list[Tensor]],
        nodes: Lazy[Tensor],
        *,
        user_rows: int,
        branches: Lazy[list[tuple[Tensor, ...]]] | None = None,
        graph: Graph | None = None,
        view: Callable[[Graphs | None, Perturb | None], "GraphEncoding"] | None = None,
        readout: Callable[[list[Tensor]], Tensor] | None = None,
    ):
        self.batch = batch
        self._layers = layers
        self._nodes = nodes
        self.user_rows = user_rows
        self._branches = branches
        self._graph = graph
        self._view = view
        self._readout = readout
        self.once = Once()

    @property
    def layers(self) -> list[Tensor]:
        return self._layers()

    @property
    def nodes(self) -> Float[Tensor, "V D"]:
        return self._nodes()

    @property
    def branches(self) -> list[tuple[Tensor, ...]]:
        return _had(self._branches, "branches")()

    @property
    def graph(self) -> Graph:
        return _had(self._graph, "graph")

    def view(self, graph: Graphs | None = None, perturb: Perturb | None = None) -> "GraphEncoding":
        """A new pass of the same parameters, with its own dropout: over another graph, or perturbed after every step.

        Without a graph it runs over the whole one, and without `perturb` it has no noise, also where this pass has.
        """
        return _had(self._view, "view")(graph, perturb)

    def readout(self, layers: list[Float[Tensor, "R D"]]) -> Float[Tensor, "R E"]:
        """What `nodes` is of `layers`, of any rows: a vector whose layers were made of those of several nodes."""
        return _had(self._readout, "readout")(layers)

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
        return self.nodes[self.user_rows :]

    def item_node(self, items: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """The node of each item id: nodes are the user rows, then the item rows."""
        return items + self.user_rows

    def scores(self) -> Float[Tensor, "B N"]:
        return dot_scores(self.users, self.items)

    def item_vectors(self) -> Float[Tensor, "N D"]:
        return self.items

    def user_vectors(self) -> Float[Tensor, "B D"]:
        return self.users


@final
class BagEncoding(Encoding):
    """A pass over sets of items, never made dense: `bag` holds each row's items; users and items score by products."""

    def __init__(self, batch: Batch, bag: Ragged, users: Lazy[Tensor], items: Lazy[Tensor]):
        self.batch = batch
        self.bag = bag
        self._users = users
        self._items = items

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
class VariationalEncoding(Encoding):
    """A pass over sets of items as `BagEncoding` is, by way of a latent vector of `posterior` (mean, log variance)."""

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
class DiffusionEncoding(Encoding):
    """A pass over bags as dense rows of ones and zeros, which noise is put into by steps and taken out of again.

    `signal[t]` is the share of a row's variance that step t leaves, descending; `denoise(x_t, t)` says what the rows
    were before any noise. Ranking takes steps back from the row itself.
    """

    def __init__(
        self,
        batch: Batch,
        clean: Float[Tensor, "B N"],
        signal: Float[Tensor, "S"],
        denoise: Callable[[Tensor, Tensor], Tensor],
        restored: Callable[[Tensor], Tensor],
    ):
        self.batch = batch
        self.clean = clean
        self.signal = signal
        self.denoise = denoise
        self._restored = restored

    def scores(self) -> Float[Tensor, "B N"]:
        with torch.autocast(self.clean.device.type, enabled=False):
            return self._restored(self.clean)


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
    repeats: ClassVar[bool] = False  # whether it ranks a row's own past, so that masking it would leave nothing
    passes: ClassVar[tuple[bool, ...]] = (True, False)  # of sequences: whether a pass may be causal, and may be not
    has_blocks: ClassVar[bool] = False  # of sequences: whether it is a stack `blocks`, between which one may perturb
    branches: ClassVar[int] = 1  # of graphs: how many a step of propagation adds up; 0 where there is no step
    reads_padding: ClassVar[bool] = False  # whether more padding before a row may change what it gives, and does

    def __init__(self, corpus: Corpus):
        super().__init__()

    def shared(self) -> object:
        """What does not depend on the batch (a propagation, an item tower): computed once per evaluation."""
        return None

    @abstractmethod
    def forward(self, batch: Batch, shared: object = None) -> Encoding:
        """Encode a batch; `shared` is what `shared()` returned where it was computed before."""
