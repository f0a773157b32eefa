"""Contrast two views of a sequence with those of other sequences."""

from collections.abc import Callable, Mapping
from typing import Literal, final

import torch
from jaxtyping import Int
from torch import Tensor, nn

from ssrec.batch import Batch, Corpus
from ssrec.losses import Sides, Similarity, global_mean, info_nce
from ssrec.models.encoder import Encoder, SequenceEncoding
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.views.sequence import View


@final
class ContrastSequence(Objective[SequenceEncoding]):
    """InfoNCE between two views of each row's past (CL4SRec: Xie et al., ICDE 2022, eq. 3).

    Each row draws an ordered pair of different views, all pairs alike; a single view is applied twice. Each view is
    encoded once, as causally as the batch's own pass. Parts: info_nce, a mean over anchors (`ssrec.losses.info_nce`).

    Args:
        views: to draw from, by name.
        pool: the vector of a sequence: its last position, or the mean over positions.
        similarity, temperature, negatives: see `info_nce`.
        projector: width of a two-layer network between pool and loss; 0 for none.
    """

    rows = ("window", "prefix")
    contrasts_rows = True

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        views: Mapping[str, Callable[[Corpus], View]],
        pool: Literal["last", "mean"] = "last",
        similarity: Similarity = "dot",
        temperature: float = 1.0,
        negatives: Sides = "two_sided",
        projector: int = 0,
    ):
        super().__init__(encoder, corpus)
        require(bool(views), "contrast_sequence has no view to draw from, for example views crop, mask and reorder")
        require(temperature > 0, f"contrast_sequence: temperature={temperature} must be above 0")
        self.views = {name: make(corpus) for name, make in views.items()}
        self.pool: Literal["last", "mean"] = pool
        self.similarity: Similarity = similarity
        self.temperature = temperature
        self.negatives: Sides = negatives
        self.projector = nn.Identity()
        if projector:
            narrow = nn.Linear(_width(encoder), projector)
            self.projector = nn.Sequential(narrow, nn.ReLU(), nn.Linear(projector, projector))

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        first, second = (
            self.projector(x.view(ids, causal=x.causal).pool(self.pool)) for ids in self._pair(x.batch.items)
        )
        total = info_nce(
            first, second, similarity=self.similarity, temperature=self.temperature, negatives=self.negatives
        )
        return {"info_nce": global_mean(total, len(first) * (2 if self.negatives == "two_sided" else 1))}

    def _pair(self, items: Int[Tensor, "B T"]) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
        views = [*self.views.values()] * (2 if len(self.views) == 1 else 1)
        drawn = torch.stack([view(items) for view in views])  # all of them for all rows: cheaper than to select rows
        row = torch.arange(len(items), device=items.device)
        first = torch.randint(len(views), row.shape, device=items.device)
        step = torch.randint(1, len(views), row.shape, device=items.device)
        return drawn[first, row], drawn[(first + step) % len(views), row]


def _width(encoder: Encoder) -> int:
    """The width of a user's vector, read off a row of one item."""
    one = torch.ones(1, 1, dtype=torch.long, device=next(encoder.parameters()).device)
    training = encoder.training
    encoder.eval()
    with torch.no_grad():
        x = encoder(Batch(one[0], one[0], one, one))
    encoder.train(training)
    require(isinstance(x, SequenceEncoding), "contrast_sequence: a projector needs an encoder of sequences")
    return x.hidden.shape[-1]
