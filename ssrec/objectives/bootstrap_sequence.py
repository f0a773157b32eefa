"""Predict a teacher's vector of one view of a sequence from another view, without negatives: BYOL over sequences."""

from collections.abc import Callable, Mapping
from typing import final

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import Batch, Corpus
from ssrec.encodings.sequence import Pool, SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.teacher import Teacher
from ssrec.pretext.width import one_item
from ssrec.views.pair import Draw, MakeViews, Pair
from ssrec.views.view import View


@final
class BootstrapSequence(Objective[SequenceEncoding]):
    """`2 - 2 cosine` of a prediction from one view and the teacher's vector of the other, and the same the other way.

    BYOL (Grill et al., NeurIPS 2020, eq. 2), a mean over rows of the sum of both ways. The teacher averages encoder and
    projector; the predictor is the student's alone. Layers are normalised within each row, where BYOL normalises over
    the batch. There are no negatives, so vectors may collapse: the diagnostics `collapse` and `rankme` show it. Each
    view is encoded as causally as the batch's own pass, once by each encoder. Parts: bootstrap.

    Args:
        teacher: makes a teacher from a module.
        views, draw: see `ssrec.views.pair.Pair`.
        pool: the vector of a sequence, see `SequenceEncoding.pool`.
        width: of projector and predictor, two-layer networks, and of what is compared.
    """

    rows = ("window", "prefix")

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        teacher: Callable[[nn.Module], Teacher],
        views: MakeViews,
        draw: Draw = "different",
        pool: Pool = "mean",
        width: int = 128,
    ):
        super().__init__(encoder, corpus)
        require(width > 0, f"bootstrap_sequence: width={width} must be at least 1")
        self.pair = Pair(corpus, views, draw=draw)
        self.pool: Pool = pool
        self.projector = _two_layers(one_item(encoder).pool(pool).shape[-1], width)
        self.predictor = _two_layers(width, width)
        self.teacher = teacher(encoder)
        self.taught = teacher(self.projector)

    @property
    def views(self) -> Mapping[str, View]:
        return self.pair.views

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        first, second = self.pair(x.batch, x.max_length)
        teacher: SequenceEncoding = self.teacher(x.batch)

        def pooled(x: SequenceEncoding, view: Batch) -> Float[Tensor, "B D"]:
            return x.view(view.items, causal=x.causal, times=view.times).pool(self.pool)

        def way(seen: Batch, hidden: Batch) -> Float[Tensor, "B"]:
            predicted = self.predictor(self.projector(pooled(x, seen)))
            target = self.taught(pooled(teacher, hidden))
            return 2 - 2 * F.cosine_similarity(predicted.float(), target.float(), dim=1)

        return {"bootstrap": global_mean((way(first, second) + way(second, first)).sum(), len(x.batch))}

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        self.pair.before_epoch(lambda: one_item(encoder).items)
        self.teacher.start(encoder)
        self.taught.start(self.projector)

    def after_step(self, encoder: Encoder) -> None:
        self.teacher.follow(encoder)
        self.taught.follow(self.projector)


def _two_layers(given: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(given, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width))
