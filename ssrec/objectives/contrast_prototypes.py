"""Contrast nodes with the centroid of their cluster: the semantic neighbours of NCL."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.contrasts.contrast import require_positive
from ssrec.contrasts.nodes import Anchors, anchors_of, softmax_cost
from ssrec.distributed import of_all
from ssrec.encodings.graph import GraphEncoding
from ssrec.losses import Reduction, Similarity, reduced
from ssrec.models.encoder import Encoder
from ssrec.nn import gather, require_sizes
from ssrec.objectives.objective import Objective
from ssrec.pretext.clusters import k_means, nearest
from ssrec.pretext.node_layers import Layer, layer_vectors, require_layer
from ssrec.pretext.quiet_pass import quiet_pass


@final
class ContrastPrototypes(Objective[GraphEncoding]):
    """-log softmax of a node's own centroid among all centroids of its kind (NCL: Lin et al., WWW 2022, eq. 8 to 12).

    Users and items with training events are clustered apart before each epoch in which it takes part, from a pass
    without dropout, and keep their cluster for that epoch. Parts: users, items.

    Args:
        clusters: centroids of users, and of items; fewer where there are fewer of them.
        iterations, restarts: see `ssrec.pretext.clusters.k_means`.
        layer: whose vectors are clustered and contrasted, see `ssrec.pretext.node_layers`; NCL's is 0.
        similarity, temperature, anchors, reduction: see `ssrec.contrasts.nodes.NodeContrast`.

    Raises:
        CompositionError: for a setting outside its range, or a layer that the encoder has not.
    """

    rows = ("edge",)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        clusters: int = 1000,
        iterations: int = 25,
        restarts: int = 1,
        layer: Layer = "readout",
        similarity: Similarity = "cosine",
        temperature: float = 0.1,
        anchors: Anchors = "unique",
        reduction: Reduction = "mean",
    ):
        super().__init__(encoder, corpus)
        require_sizes("contrast_prototypes", clusters=clusters, iterations=iterations, restarts=restarts)
        require_positive("contrast_prototypes", temperature=temperature)
        x = quiet_pass(encoder)
        require_layer("contrast_prototypes", x, layer)
        self.iterations = iterations
        self.restarts = restarts
        self.layer: Layer = layer
        self.similarity: Similarity = similarity
        self.temperature = temperature
        self.anchors: Anchors = anchors
        self.reduction: Reduction = reduction
        width = layer_vectors(x, layer).shape[1]
        for kind, trained in {"users": corpus.history.lengths > 0, "items": corpus.trained}.items():
            rows = trained.nonzero().flatten()
            self.register_buffer(f"{kind}_rows", rows, persistent=False)  # fitted anew from the corpus
            self.register_buffer(f"{kind}_centroids", torch.zeros(min(clusters, len(rows)), width))
            self.register_buffer(f"{kind}_cluster", torch.zeros(len(trained), dtype=torch.long))

    @torch.no_grad()
    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        x = quiet_pass(encoder)
        nodes = layer_vectors(x, self.layer).float()
        for kind, vectors in {"users": nodes[: x.user_rows], "items": nodes[x.user_rows :]}.items():
            rows, centroids, cluster = (self.get_buffer(f"{kind}_{name}") for name in ("rows", "centroids", "cluster"))
            drawn, _ = k_means(vectors[rows], len(centroids), iterations=self.iterations, restarts=self.restarts)
            everyone, _ = of_all(drawn)  # each process drew its own starts; the first one's are taken
            centroids.copy_(everyone[: len(drawn)])
            cluster[rows] = nearest(vectors[rows], centroids)[0]

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        ids = {"users": x.batch.user, "items": x.batch.target[:, 0]}
        return {kind: self._told(x, kind, ids[kind], x.user_rows * (kind == "items")) for kind in ids}

    def _told(self, x: GraphEncoding, kind: str, ids: Int[Tensor, "B"], first_row: int) -> Tensor:
        own, weights, _ = anchors_of(ids, self.anchors)
        centroids, cluster = (self.get_buffer(f"{kind}_{name}") for name in ("centroids", "cluster"))
        total = softmax_cost(
            gather(layer_vectors(x, self.layer), own + first_row),
            F.pad(centroids, (0, 0, 1, 0)),  # behind a row that does not count
            cluster[own] + 1,
            weights,
            similarity=self.similarity,
            temperature=self.temperature,
        )
        return reduced(total, weights.sum(), self.reduction)
