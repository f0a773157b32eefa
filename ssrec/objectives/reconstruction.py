"""Squared errors of a bag's profile: the plain autoencoder's loss, and CFGAN's zero-reconstruction."""

from typing import final

from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.bag import BagEncoding, VariationalEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.dense_bags import dense, some_others


@final
class Reconstruction(Objective[BagEncoding | VariationalEncoding]):
    """Squared errors of the profile x = sigmoid(scores) against the bag, over its items and a share of the others.

    Parts, each a mean over rows: held, `sum_{i in bag} (1 - x_i)^2`; others, `zeros * sum_j x_j^2` over the drawn j,
    which is CFGAN's zero-reconstruction with its weight alpha (Chae et al., CIKM 2018, section 3.3). With `held` false
    that stands alone, and an adversary judges the bag's items. The profiles of a batch are dense: B x n_items numbers;
    `predict_bag` with loss=sigmoid asks the same of all others at once, by cross-entropy, and makes none.

    Args:
        held: whether the bag's own items count.
        zeros: the weight of the drawn items, the paper's alpha.
        share: of the items outside a bag, drawn anew each step, the paper's ratio of zero-reconstruction.

    Raises:
        CompositionError: for a setting outside its range, or settings that leave nothing to reconstruct.
    """

    rows = ("history",)

    def __init__(self, encoder: Encoder, corpus: Corpus, *, held: bool = True, zeros: float = 1.0, share: float = 0.5):
        super().__init__(encoder, corpus)
        require(zeros >= 0, f"reconstruction: zeros={zeros} must not be negative")
        require(0 <= share <= 1, f"reconstruction: share={share} must be between 0 and 1")
        asks = held or (zeros > 0 and share > 0)
        require(asks, f"reconstruction: held=false with zeros={zeros} and share={share} leaves nothing to reconstruct")
        self.held = held
        self.zeros = zeros if share else 0.0
        self.share = share

    def forward(self, x: BagEncoding | VariationalEncoding) -> dict[str, Tensor]:
        profile = x.scores().sigmoid()
        bag = dense(x.bag, profile.shape[1])
        parts = {}
        if self.held:
            parts["held"] = global_mean((1 - profile).square().masked_fill(~bag, 0.0).sum(), len(profile))
        if self.zeros:
            drawn = some_others(bag, self.share)
            total = profile.square().masked_fill(~drawn, 0.0).sum()
            parts["others"] = self.zeros * global_mean(total, len(profile))
        return parts
