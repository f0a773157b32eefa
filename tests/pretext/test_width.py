"""A row of one item says how wide vectors are, and leaves no trace."""

import torch
from options import composed

from ssrec.compose import instantiate
from ssrec.pretext.width import one_item


def test_sizes_are_read_without_a_draw_and_the_mode_stays(world):
    encoder = instantiate(composed("model=sasrec", "model.dim=12", "model.max_length=7").model, world.corpus)
    state = torch.get_rng_state()
    x = one_item(encoder)
    assert x.hidden.shape == (1, 1, 12) and x.max_length == 7 and not x.hidden.requires_grad
    assert encoder.training and torch.equal(torch.get_rng_state(), state)
    one_item(encoder.eval())
    assert not encoder.training
