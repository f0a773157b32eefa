"""InfoNCE of two vectors of each node of a graph: users among users, items among items."""

from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.contrasts.contrast import require_positive
from ssrec.distributed import of_all
from ssrec.losses import Reduction, Similarity, reduced
from ssrec.nn import gather, require
from ssrec.softmax import log_partition

Negatives = Literal["batch", "all"]
Anchors = Literal["unique", "edges"]


@final
class NodeContrast(nn.Module):
    """Tells the second vector of a node of the batch from those of other nodes, by its first. Parts: users, items.

    -log softmax of the node's own pair, one-sided, in fp32 and in tiles: no matrix of anchors x nodes ever exists.

    Args:
        negatives: batch: the other nodes of the batch, over all processes (SimGCL: Yu et al., SIGIR 2022, as its code
            runs); all: all users, and all items (SGL: Wu et al., SIGIR 2021).
        anchors: unique: a node of the batch counts once; edges: as often as it has edges there. Negatives count once.
        similarity, temperature: of two vectors, and what it is divided by.
        clamp: the largest size of a positive's divided similarity (LightGCL: Cai et al., ICLR 2023); None: any.
        reduction: mean over anchors, or their sum.
        user_weight, item_weight: what each part is multiplied by (NCL's alpha: Lin et al., WWW 2022); 0 leaves it out.

    Raises:
        CompositionError: for a setting outside its range.
    """

    def __init__(
        self,
        *,
        negatives: Negatives = "batch",
        anchors: Anchors = "unique",
        similarity: Similarity = "cosine",
        temperature: float = 0.2,
        clamp: float | None = None,
        reduction: Reduction = "mean",
        user_weight: float = 1.0,
        item_weight: float = 1.0,
    ):
        super().__init__()
        require_positive("node contrast", temperature=temperature, **({} if clamp is None else {"clamp": clamp}))
        for name, weight in {"user_weight": user_weight, "item_weight": item_weight}.items():
            require(weight >= 0, f"node contrast: {name}={weight} must not be negative")
        require(user_weight + item_weight > 0, "node contrast: user_weight and item_weight are 0, so nothing is told")
        self.negatives: Negatives = negatives
        self.anchors: Anchors = anchors
        self.similarity: Similarity = similarity
        self.temperature = temperature
        self.clamp = clamp
        self.reduction: Reduction = reduction
        self.weights = {"users": user_weight, "items": item_weight}

    def forward(
        self,
        first: Float[Tensor, "V D"],
        second: Float[Tensor, "V D"],
        users: Int[Tensor, "B"],
        items: Int[Tensor, "B"],
        user_rows: int,
    ) -> dict[str, Tensor]:
        """`users` and `items` are the ids of the batch; nodes are `user_rows` users, row 0 unknown, and then items."""
        parts: dict[str, Tensor] = {}
        for name, ids, rows in (("users", users, slice(user_rows)), ("items", items, slice(user_rows, None))):
            if weight := self.weights[name]:
                parts[name] = weight * self._told(first[rows], second[rows], ids)
        return parts

    def _told(self, first: Float[Tensor, "R D"], second: Float[Tensor, "R D"], ids: Int[Tensor, "B"]) -> Tensor:
        own, weights, everyone = anchors_of(ids, self.anchors)
        place, among = own, second
        if self.negatives == "batch":
            place = torch.searchsorted(everyone, own) + 1
            among = gather(second, F.pad(everyone, (1, 0)))  # behind a row that does not count
        total = softmax_cost(
            gather(first, own),
            among,
            place,
            weights,
            similarity=self.similarity,
            temperature=self.temperature,
            clamp=self.clamp,
        )
        return reduced(total, weights.sum(), self.reduction)


def anchors_of(ids: Int[Tensor, "B"], kind: Anchors) -> tuple[Int[Tensor, "R"], Float[Tensor, "R"], Int[Tensor, "C"]]:
    """The distinct ids of this process, what each weighs here, and the distinct ids of all processes, ascending.

    Where processes share an id that is to count once, each has its part of it.
    """
    own, n = ids.unique(return_counts=True)
    everyone, total = of_all(ids[:, None])[0].unique(return_counts=True)
    share = 1 if kind == "edges" else total[torch.searchsorted(everyone, own)]
    return own, n / share, everyone


def softmax_cost(
    anchors: Float[Tensor, "R D"],
    among: Float[Tensor, "N D"],
    positive: Int[Tensor, "R"],
    weights: Float[Tensor, "R"],
    *,
    similarity: Similarity,
    temperature: float,
    clamp: float | None = None,
) -> Float[Tensor, ""]:
    """`sum_r weights[r] * (logsumexp_n s(r, n) - s(r, positive[r]))` in nats over the rows 1.. of `among`.

    s is the similarity over the temperature, cut to at most `clamp` in size where that of the positive is subtracted.
    """
    with torch.autocast(anchors.device.type, enabled=False):
        anchors, among = anchors.float(), among.float()
        if similarity == "cosine":
            anchors, among = F.normalize(anchors, dim=1), F.normalize(among, dim=1)
        own = (anchors * gather(among, positive)).sum(1) / temperature
        if clamp is not None:
            own = own.clamp(-clamp, clamp)
        return log_partition(anchors / temperature, among, weights) - (weights * own).sum()
