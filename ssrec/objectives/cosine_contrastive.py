"""SimpleX's loss: a user and her item in one direction, drawn items outside a margin."""

from typing import final

import torch.nn.functional as F
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.graph import GraphEncoding
from ssrec.losses import cosine_contrastive, global_mean
from ssrec.models.encoder import Encoder
from ssrec.negatives import Proposal
from ssrec.nn import gather, require
from ssrec.objectives.objective import Objective
from ssrec.pairs import pair_logits


@final
class CosineContrastive(Objective[GraphEncoding]):
    """The mean over edges of `ssrec.losses.cosine_contrastive` (SimpleX: Mao et al., CIKM 2021, eq. 1).

    Each edge draws its own negatives, uniform over the catalogue, the user's own items too, as in the authors' code.
    Parts: cosine_contrastive.

    Args:
        negatives: drawn for each edge.
        margin: the cosine that a negative may have for nothing.
        negative_weight: of the mean over negatives.

    Raises:
        CompositionError: for a setting outside its range.
    """

    rows = ("edge",)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        negatives: int = 800,
        margin: float = 0.9,
        negative_weight: float = 150.0,
    ):
        super().__init__(encoder, corpus)
        require(negatives >= 1, f"cosine_contrastive: negatives={negatives} must be at least 1")
        require(-1 <= margin < 1, f"cosine_contrastive: margin={margin} is a cosine, at least -1 and below 1")
        require(negative_weight >= 0, f"cosine_contrastive: negative_weight={negative_weight} must not be negative")
        self.negatives = negatives
        self.margin = margin
        self.negative_weight = negative_weight
        self.proposal = Proposal(corpus, "uniform")

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        users = F.normalize(gather(x.nodes, x.batch.user).float(), dim=1)
        items = F.normalize(x.items.float(), dim=1)
        positive = (users * gather(items, x.batch.target[:, 0])).sum(1)
        negatives = pair_logits(users, items, self.proposal.sample(len(users), self.negatives))
        weights = {"margin": self.margin, "negative_weight": self.negative_weight}
        return {"cosine_contrastive": global_mean(cosine_contrastive(positive, negatives, **weights), len(users))}
