"""A linear predictor around a graph encoder, which takes part in the ranking."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import Batch, Corpus
from ssrec.encodings.encoding import Encoding, Lazy, dot_scores
from ssrec.encodings.graph import GraphEncoding
from ssrec.models.encoder import Encoder
from ssrec.models.graph import GraphEncoder


@final
class PredictedEncoding(Encoding):
    """A pass over a graph, `base`, and q, which predicts from a node's vector that of a node it should meet.

    Scores are q(u).i + u.q(i): one dot product of `users` [q(u), u] and `items` [i, q(i)]. It is no `GraphEncoding`,
    whose objectives read the vectors of `base` alone and would train another ranking than this one.
    """

    def __init__(self, batch: Batch, base: GraphEncoding, predictor: nn.Linear):
        self.batch = batch
        self.base = base
        self._predictor = predictor
        self._users = Lazy(lambda: torch.cat([self.predict(base.users), base.users.float()], dim=1))
        self._items = Lazy(lambda: torch.cat([base.items.float(), self.predict(base.items)], dim=1))

    def predict(self, vectors: Float[Tensor, "R D"]) -> Float[Tensor, "R D"]:
        """q of the vectors of any nodes, of this pass or of another one, in fp32."""
        with torch.autocast(vectors.device.type, enabled=False):
            return self._predictor(vectors.float())

    @property
    def users(self) -> Float[Tensor, "B W"]:
        return self._users()

    @property
    def items(self) -> Float[Tensor, "N W"]:
        return self._items()

    def scores(self) -> Float[Tensor, "B N"]:
        return dot_scores(self.users, self.items)

    def item_vectors(self) -> Float[Tensor, "N D"]:
        return self.base.items  # what is predicted of them is of no higher rank

    def user_vectors(self) -> Float[Tensor, "B D"]:
        return self.base.users


@final
class WithPredictor(Encoder):
    """A graph encoder and a linear predictor, by whose vectors it ranks (BUIR: Lee et al., SIGIR 2021).

    Encoder and predictor are trained together: an objective calls the predictor by the encoding.

    Args:
        corpus: The training split.
        encoder: Makes the graph encoder from the corpus.
    """

    def __init__(self, corpus: Corpus, *, encoder: Callable[[Corpus], GraphEncoder]):
        super().__init__(corpus)
        self.encoder = encoder(corpus)
        start = self.encoder.embedding.weight[:1]
        self.width = self.encoder.read([start] * (self.encoder.layers + 1)).shape[1]  # layers may stand side by side
        self.predictor = nn.Linear(self.width, self.width)

    def shared(self) -> object:
        return self.encoder.shared()

    def forward(self, batch: Batch, shared: object = None) -> PredictedEncoding:
        return PredictedEncoding(batch, self.encoder(batch, shared), self.predictor)
