"""What an objective needs to know of an encoder to build its own layers."""

from typing import cast

import torch

from ssrec.batch import Batch
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.models.encoder import Encoder


def one_item(encoder: Encoder) -> SequenceEncoding:
    """A row of one item, encoded by an encoder of sequences without a draw: for the sizes of what it gives."""
    one = torch.ones(1, 1, dtype=torch.long, device=next(encoder.parameters()).device)
    training = encoder.training
    encoder.eval()
    with torch.no_grad():
        x = cast(SequenceEncoding, encoder(Batch(one[0], one[0], one, one, times=one)))
        _ = x.hidden  # a pass is lazy, and the encoder's mode must not be read later
    encoder.train(training)
    return x
