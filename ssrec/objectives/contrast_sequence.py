"""Contrast two views of a sequence with those of other sequences."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import final

from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.contrasts.contrast import Contrast, same_target
from ssrec.encodings.sequence import Pool, SequenceEncoding
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.width import one_item
from ssrec.views.pair import Draw, Pair
from ssrec.views.perturb import Chain, Perturbation
from ssrec.views.view import View


@final
class ContrastSequence(Objective[SequenceEncoding]):
    """A contrast of two views of each row's past, each encoded once, as causally as the batch's own pass.

    Views x pooling x contrast: CL4SRec (Xie et al., ICDE 2022), CoSeRec (Liu et al., arXiv 2021), DuoRec (Qiu et al.,
    WSDM 2022) and others are choices. Parts: those of the contrast.

    Args:
        views, draw, short, short_views: see `ssrec.views.pair.Pair`.
        perturb: what changes the model in the passes of both views, by name (SRMA: Liu et al., arXiv 2022); see
            `ssrec.views.perturb`.
        contrast: what is asked of the two vectors of a row.
        pool: the vector of a sequence, see `SequenceEncoding.pool`.
        projector: width of a network between pool and contrast; 0 for none.
        projector_layers: linear layers in it, the last without bias, with ReLU between them.

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
        views: Mapping[str, Callable[[Corpus], View]],
        contrast: Contrast,
        draw: Draw = "different",
        short: int = 4,
        short_views: Sequence[str] = (),
        perturb: Mapping[str, Perturbation] = MappingProxyType({}),
        pool: Pool = "last",
        projector: int = 0,
        projector_layers: int = 2,
    ):
        super().__init__(encoder, corpus)
        require(projector >= 0, f"contrast_sequence: projector={projector} must not be negative")
        require(projector_layers > 0, f"contrast_sequence: projector_layers={projector_layers} must be at least 1")
        self.pair = Pair(corpus, views, draw=draw, short=short, short_views=short_views)
        self.perturb = Chain(perturb) if perturb else None
        self.contrast = contrast
        self.pool: Pool = pool
        self.projector = nn.Identity()
        if projector:
            width = one_item(encoder).pool(pool).shape[1]
            self.projector = _network(width, projector, projector_layers)

    @property
    def views(self) -> Mapping[str, View]:
        return self.pair.views

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        self.pair.before_epoch(lambda: one_item(encoder).items)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        first, second = (
            self.projector(x.view(seen.items, causal=x.causal, times=seen.times, perturb=self.perturb).pool(self.pool))
            for seen in self.pair(x.batch, x.max_length)
        )
        same = same_target(x.batch) if self.contrast.false_negatives == "mask" else None
        return self.contrast(first, second, same)


def _network(entering: int, width: int, layers: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(layers - 1):
        parts += [nn.Linear(entering, width), nn.ReLU()]
        entering = width
    return nn.Sequential(*parts, nn.Linear(entering, width, bias=False))
