"""Contrast the branches that each step of an encoder adds up."""

from typing import final

import torch
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.contrasts.nodes import NodeContrast
from ssrec.encodings.graph import GraphEncoding
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective


@final
class ContrastBranches(Objective[GraphEncoding]):
    """A contrast of each node's vectors in the first branch of a step and in each other one, summed over steps.

    HCCF (Xia et al., SIGIR 2022, eq. 10): neighbours against hyperedges. Parts: users, items.

    Args:
        contrast: what is asked of the two vectors.
        detach: whether the first branch is held fixed, so that the others learn from it, as in HCCF's torch code.
    """

    rows = ("edge",)
    contrasts_rows = True
    branches = 2

    def __init__(self, encoder: Encoder, corpus: Corpus, *, contrast: NodeContrast, detach: bool = True):
        super().__init__(encoder, corpus)
        self.contrast = contrast
        self.detach = detach

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        users, items = x.batch.user, x.batch.target[:, 0]
        pairs = [(first.detach() if self.detach else first, other) for first, *others in x.branches for other in others]
        found = [self.contrast(first, other, users, items, x.user_rows) for first, other in pairs]
        return {name: torch.stack([parts[name] for parts in found]).sum() for name in found[0]}
