"""A graph encoder's pass for what is sized, drawn or fitted by it."""

from typing import cast

import torch

from ssrec.batch import Batch
from ssrec.encodings.graph import GraphEncoding
from ssrec.models.encoder import Encoder


@torch.no_grad()
def quiet_pass(encoder: Encoder) -> GraphEncoding:
    """The pass of this moment over the whole graph, without rows, gradients, dropout or noise."""
    none = torch.empty(0, dtype=torch.long, device=next(encoder.parameters()).device)
    training = encoder.training
    encoder.eval()
    x = cast(GraphEncoding, encoder(Batch(none, none, none.view(0, 0), none.view(0, 1), kind="edge")))
    _ = x.nodes  # a pass is lazy, and the encoder's mode must not be read later
    encoder.train(training)
    return x
