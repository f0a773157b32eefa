"""Predict a teacher's vectors of hidden items: data2vec and JEPA over sequences."""

from collections.abc import Callable
from typing import Literal, final

import torch.nn.functional as F
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.pretext.masking import Masking, Mode, masked_pass
from ssrec.pretext.teacher import Teacher
from ssrec.pretext.width import one_item


@final
class LatentItem(Objective[SequenceEncoding]):
    """The mean over hidden items of the distance between a prediction and what a teacher that sees all makes of them.

    Neither pass is causal. The teacher, a moving average of the encoder, reads past and target whole; its vectors,
    layer-normalised without weights, are the targets (data2vec: Baevski et al., ICML 2022, section 3.3, which averages
    several layers; I-JEPA: Assran et al., CVPR 2023, whose student sees no masks). There are no negatives, so vectors
    may collapse: the diagnostics `collapse` and `rankme` show it. Parts: latent_item.

    Args:
        teacher: makes the teacher from the encoder.
        mode, probability: see `ssrec.pretext.masking.Masking`; each row loses at least one item.
        distance: smooth_l1 (mean over dimensions; quadratic up to 1), or cosine (1 - cosine).
        predictor: width of the predictor's hidden layer; 0: a linear map.
    """

    rows = ("window", "prefix")
    passes = (False,)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        teacher: Callable[[Encoder], Teacher[Encoder]],
        mode: Mode = "cloze",
        probability: float = 0.3,
        distance: Literal["smooth_l1", "cosine"] = "smooth_l1",
        predictor: int = 0,
    ):
        super().__init__(encoder, corpus)
        self.masking = Masking(corpus.mask, mode, probability)
        self.distance = distance
        self.teacher = teacher(encoder)
        dim = one_item(encoder).hidden.shape[-1]
        hidden = [nn.Linear(dim, predictor), nn.GELU()] if predictor else []
        self.predictor = nn.Sequential(*hidden, nn.Linear(predictor or dim, dim))

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        found = masked_pass(x, self.masking)
        hidden, _ = found.at(found.masked)
        predicted = self.predictor(hidden).float()
        taught = self.teacher(x.batch).view(found.ids, causal=False, times=found.seen.times)
        target = taught.hidden[found.masked].float()
        target = F.layer_norm(target, target.shape[-1:])
        if self.distance == "cosine":
            distance = 1 - F.cosine_similarity(predicted, target, dim=-1)
        else:
            distance = F.smooth_l1_loss(predicted, target, reduction="none").mean(-1)
        return {"latent_item": global_mean(distance.sum(), len(distance))}

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        self.teacher.start(encoder)

    def after_step(self, encoder: Encoder) -> None:
        self.teacher.follow(encoder)
