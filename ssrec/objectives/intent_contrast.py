"""Contrast views of a sequence with its intent, a cluster of sequences: ICLRec."""

from collections.abc import Mapping
from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.distributed import of_all
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean, info_nce
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.clusters import k_means, nearest
from ssrec.pretext.history_vectors import history_vectors, users_with_rows
from ssrec.pretext.width import one_item
from ssrec.views.pair import Draw, MakeViews, Pair
from ssrec.views.view import View

SumPool = Literal["last", "mean"]


@final
class IntentContrast(Objective[SequenceEncoding]):
    """InfoNCE between each of two views of a row and the row's intent (ICLRec: Chen et al., WWW 2022, section 4.2).

    Intents are centroids of k-means over the training users' vectors, clustered before each epoch from a pass without
    dropout. In a step a row's own pass picks the nearest centroid, which is L2-normalised for the contrast (vectors of
    rows are not) and compared by dot products; negatives are the other rows' intents and views, 2B - 2 of them. Parts:
    intent, a mean over anchors and both views.

    Args:
        views, draw: see `ssrec.views.pair.Pair`.
        pool: the vector of a sequence.
        clusters: how many intents; fewer where there are fewer users.
        iterations, restarts: see `ssrec.pretext.clusters.k_means`.
        temperature: what similarities are divided by.
        false_negatives: mask: rows of the same intent are no negatives, as the paper has it (its authors' scripts
            keep them).

    Raises:
        CompositionError: for a setting outside its range.
    """

    rows = ("window", "prefix")
    contrasts_rows = True

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        views: MakeViews,
        draw: Draw = "independent",
        pool: SumPool = "mean",
        clusters: int = 256,
        iterations: int = 20,
        restarts: int = 5,
        temperature: float = 1.0,
        false_negatives: Literal["keep", "mask"] = "keep",
    ):
        super().__init__(encoder, corpus)
        for name, value in {"clusters": clusters, "iterations": iterations, "restarts": restarts}.items():
            require(value > 0, f"intent_contrast: {name}={value} must be at least 1")
        require(temperature > 0, f"intent_contrast: temperature={temperature} must be above 0")
        self.pair = Pair(corpus, views, draw=draw)
        self.pool: SumPool = pool
        self.iterations = iterations
        self.restarts = restarts
        self.temperature = temperature
        self.masks = false_negatives == "mask"
        width = one_item(encoder).pool(pool).shape[1]
        self.register_buffer("centroids", torch.zeros(min(clusters, len(users_with_rows(corpus))), width))
        self.centroids: Tensor

    @property
    def views(self) -> Mapping[str, View]:
        return self.pair.views

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        one = one_item(encoder)
        self.pair.before_epoch(lambda: one.items)
        x = history_vectors(encoder, corpus, self.pool, one.max_length)
        found, _ = k_means(x, len(self.centroids), iterations=self.iterations, restarts=self.restarts)
        everyone, _ = of_all(found)  # each process drew its own starts; the first one's are taken
        self.centroids.copy_(everyone[: len(found)])

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        of, _ = nearest(x.pool(self.pool).detach().float(), self.centroids)
        intents = F.normalize(self.centroids, dim=1)[of]
        same = self._same(of) if self.masks else None
        total = torch.zeros((), device=intents.device)
        for seen in self.pair(x.batch, x.max_length):
            vectors = x.view(seen.items, causal=x.causal, times=seen.times).pool(self.pool)
            total = total + info_nce(vectors, intents, temperature=self.temperature, same=same)
        return {"intent": global_mean(total, 4 * len(of))}

    @staticmethod
    def _same(of: Int[Tensor, "B"]) -> Bool[Tensor, "B C"]:
        """Which other rows, of all processes, have the same intent."""
        everyone, start = of_all(of[:, None])
        itself = torch.arange(start, start + len(of), device=of.device)
        return (of[:, None] == everyone.T).scatter(1, itself[:, None], False)
