"""What objectives over edges share: the vectors of a user and of the item that she met, and their L2."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.encodings.graph import GraphEncoding
from ssrec.losses import Reduction, global_norm, reduced
from ssrec.nn import gather

L2Form = Literal["lightgcn", "recbole", "selfrec"]


def edge_vectors(x: GraphEncoding, nodes: Float[Tensor, "V D"]) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
    """The rows in `nodes` of each edge's user and item, in fp32; `nodes` are those of `x` or one of its layers."""
    ends = torch.cat([x.batch.user, x.item_node(x.batch.target[:, 0])])
    user, item = gather(nodes, ends).float().chunk(2)
    return user, item


def edge_l2(
    form: L2Form,
    free: Sequence[Float[Tensor, "B D"]],
    propagated: Sequence[Float[Tensor, "B E"]],
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """The L2 of users, items and, where there are any, negatives, for a weight to be put before it.

    lightgcn: half the squared norm of layer 0 (He et al., SIGIR 2020, as its code runs). recbole: the norms, not
    squared, of layer 0, one for each of the three (Zhao et al., CIKM 2021; NCL: Lin et al., WWW 2022). selfrec: such
    norms of the propagated vectors, of users and items alone (SimGCL: Yu et al., SIGIR 2022, as its code runs). mean:
    over the number of edges. A norm is one over all rows of a batch, so its share in a mean falls as batches grow.
    """
    count = len(free[0])
    if form == "lightgcn":
        return reduced(torch.stack([x.square().sum() for x in free]).sum() / 2, count, reduction)
    parts = free if form == "recbole" else propagated[:2]
    return reduced(torch.stack([global_norm(x) for x in parts]).sum(), count, reduction)
