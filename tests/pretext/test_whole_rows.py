"""A shuffle of columns moves real items alone, to every place alike."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import PAD
from ssrec.pretext.whole_rows import shuffled


@given(st.lists(st.integers(0, 6), max_size=5))
def test_each_row_keeps_its_items_and_its_padding(lengths):
    ids = torch.arange(1, len(lengths) * 6 + 1).view(-1, 6) if lengths else torch.zeros(0, 6, dtype=torch.long)
    ids[torch.arange(6) < 6 - torch.tensor(lengths, dtype=torch.long)[:, None]] = PAD
    out = ids.gather(1, shuffled(ids))
    assert torch.equal(out == PAD, ids == PAD)
    assert torch.equal(out.sort(1).values, ids.sort(1).values)


def test_every_item_comes_to_every_place_alike():
    ids = torch.tensor([[PAD, 1, 2, 3]]).repeat(3000, 1)
    out = ids.gather(1, shuffled(ids))[:, 1:]
    for place in out.T:
        torch.testing.assert_close(torch.bincount(place)[1:] / 3000, torch.full((3,), 1 / 3), atol=0.04, rtol=0)
