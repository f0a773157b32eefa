"""Negatives that a model takes for positives: picked among drawn ones by score, or mixed from them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.encodings.graph import GraphEncoding
from ssrec.nn import gather
from ssrec.pairs import pair_logits


def hardest(
    users: Float[Tensor, "B D"], nodes: Float[Tensor, "V D"], candidates: Int[Tensor, "B K"]
) -> Int[Tensor, "B"]:
    """Of each user's candidates the node of the highest score (DNS: Zhang et al., SIGIR 2013, its first rank alone)."""
    with torch.no_grad():
        best = pair_logits(users, nodes, candidates).argmax(1, keepdim=True)
    return candidates.gather(1, best)[:, 0]


def mixed(x: GraphEncoding, positive: Int[Tensor, "B"], candidates: Int[Tensor, "B K"]) -> list[Float[Tensor, "B D"]]:
    """The layers of a negative made of parts of the positive and of candidates (MixGCF: Huang et al., KDD 2021).

    Layer l is `a p + (1 - a) n`: a is uniform in (0, 1) for each row and layer (positive mixing), n is the candidate
    whose mixed layer scores highest with the user, another one for each layer (hop mixing). As a row's candidates share
    a, that is the one whose own layer does. The readout of the layers is the negative's vector; where it normalises
    them (NGCF), it does so after they were mixed, and the authors' code before.
    """
    users, found = x.batch.user, []
    for layer in x.layers:
        own = x.nodes if x.nodes.shape[1] == layer.shape[1] else layer  # of layers side by side the one at that place
        chosen = hardest(gather(own, users), layer, candidates)
        right, wrong = gather(layer, torch.cat([positive, chosen])).float().chunk(2)
        share = torch.rand(len(right), 1, device=right.device)
        found.append(share * right + (1 - share) * wrong)
    return found
