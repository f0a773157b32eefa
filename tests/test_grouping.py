"""Rows encoded in groups of similar length."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssrec.batch import PAD
from ssrec.grouping import OVERHEAD, by_length, group_sizes


def rows_of(lengths: list[int], width: int) -> torch.Tensor:
    ids = torch.arange(1, len(lengths) * width + 1).view(len(lengths), width)
    return torch.where(torch.arange(width) >= width - torch.tensor(lengths)[:, None], ids, PAD)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_groups_give_what_one_call_gives_with_fewer_positions(lengths):
    ids, seen = rows_of(lengths, 50), []

    def encode(group):
        seen.append(group.numel())
        return group.cumsum(1).unsqueeze(-1).double() * (group != PAD).unsqueeze(-1)

    grouped = by_length(encode, ids)
    positions = sum(seen)
    assert torch.equal(grouped, encode(ids))
    assert positions <= ids.numel()


def test_a_group_must_save_its_overhead():
    assert group_sizes(torch.tensor([2] * 100 + [50])) == [100, 1]
    assert group_sizes(torch.tensor([50] * 100)) == [100]
    assert group_sizes(torch.tensor([2] * (OVERHEAD // 48) + [50])) == [OVERHEAD // 48 + 1]
    assert sum(group_sizes(torch.arange(1, 51).repeat_interleave(20))) == 1000


def test_gradients_reach_every_row():
    ids = rows_of([2] * 40 + [50], 50)
    table = torch.randn(int(ids.max()) + 1, 3, requires_grad=True)
    by_length(lambda group: table[group], ids).sum().backward()
    assert table.grad is not None
    assert set(table.grad.abs().sum(1).nonzero().flatten().tolist()) - {PAD} == set(ids[ids != PAD].tolist())
