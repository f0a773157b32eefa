"""Views of bags against lists."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import Ragged
from ssrec.views.bag import hold_out, kept

BAGS = st.lists(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=5), max_size=6)


def ragged(rows):
    lengths = torch.tensor([0, *map(len, rows)])
    return Ragged(torch.tensor([v for row in rows for v in row], dtype=torch.long), lengths.cumsum(0))


@given(BAGS)
def test_what_is_kept_is_chosen_row_by_row(rows):
    chosen = torch.tensor([c for row in rows for _, c in row], dtype=torch.bool)
    found = kept(ragged([[v for v, _ in row] for row in rows]), chosen)
    expected = ragged([[v for v, c in row if c] for row in rows])
    assert torch.equal(found.values, expected.values) and torch.equal(found.offsets, expected.offsets)


def test_a_bag_is_what_stays_and_what_is_held_out():
    bag = ragged([list(range(1, 2001)), [], [7]])
    torch.manual_seed(0)
    inputs, labels = hold_out(bag, 0.25)
    for row in range(3):
        both = torch.cat([r.values[r.offsets[row] : r.offsets[row + 1]] for r in (inputs, labels)])
        assert torch.equal(both.sort().values, bag.values[bag.offsets[row] : bag.offsets[row + 1]])
    assert 400 < int(labels.lengths[0]) < 600
    assert not len(hold_out(bag, 0.0)[1].values)
