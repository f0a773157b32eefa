"""Tell which run of items was cut out of a sequence: the segments of S3-Rec."""

from typing import final

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import bpr, global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import initialise
from ssrec.objectives.objective import Objective
from ssrec.pretext.whole_rows import whole
from ssrec.pretext.width import one_item
from ssrec.views.view import places, uniform


@final
class Segment(Objective[SequenceEncoding]):
    """Segment prediction (S3-Rec: Zhou et al., CIKM 2020, as its code runs).

    A run of 1 to n // 2 of a row's n items, past and target, is masked. The rest should fit the run, masked all around,
    better than a strange one in its place: `-log s(c' W (p - n))`, each read at the last position of a pass that is not
    causal. Parts: segment, a mean over rows of at least two items; the others have no run.

    The strange run is as long and comes from a uniform place of all training sequences laid end to end. The authors
    draw it from sequences with their held-out items.

    Args:
        squash: the difference is one of sigmoids of scores, as in the authors' code; that bounds the gradient.
    """

    rows = ("window", "prefix")
    passes = (False,)

    def __init__(self, encoder: Encoder, corpus: Corpus, *, squash: bool = False):
        super().__init__(encoder, corpus)
        self.token = corpus.mask
        self.squash = squash
        dim = one_item(encoder).hidden.shape[-1]
        self.map = nn.Linear(dim, dim)
        initialise(self.map, "normal")
        self.register_buffer("stream", corpus.items, persistent=False)
        self.stream: Tensor

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        ids = whole(x)
        inside, strange = self._draw(ids)
        hidden = torch.where(ids == PAD, PAD, self.token)
        views = torch.where(inside, hidden, ids), torch.where(inside, ids, hidden), torch.where(inside, strange, hidden)
        pooled = x.view(torch.cat(views), causal=False).pool("last")  # at once: a step takes a sixth less time
        context, own, other = (vectors[inside.any(1)].float() for vectors in pooled.chunk(3))
        context = self.map(context)
        scores = [(context * segment).sum(1) for segment in (own, other)]
        right, wrong = map(torch.sigmoid, scores) if self.squash else scores
        return {"segment": global_mean(bpr(right, wrong), len(context))}

    def _draw(self, ids: Int[Tensor, "B T"]) -> tuple[Bool[Tensor, "B T"], Int[Tensor, "B T"]]:
        """Which run each row loses, and what stands there of another place of the training sequences."""
        place, length = places(ids)
        size = uniform(length // 2) + 1  # 0 where a row has no half
        first = uniform(length - size + 1)
        begin = uniform(len(self.stream) - size + 1)
        inside = (place >= first) & (place < first + size)
        return inside, self.stream[(begin + place - first).clamp(0, len(self.stream) - 1)]
