"""Past and target as one row, for objectives that hide or move items of it themselves."""

import torch
from jaxtyping import Int
from torch import Tensor

from ssrec.batch import PAD
from ssrec.encodings.sequence import SequenceEncoding


def whole(x: SequenceEncoding) -> Int[Tensor, "B T"]:
    """Past and target of each row of a batch, cut to the last items that the encoder can read."""
    return x.batch.whole[:, -x.max_length :]


def shuffled(ids: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """The columns of right-aligned rows in a uniform order, padding still in front."""
    return torch.rand(ids.shape, device=ids.device).masked_fill(ids == PAD, -1).argsort(dim=1)
