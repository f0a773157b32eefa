"""What a masking hides, against loops over rows, and who shares its pass."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import PAD
from ssrec.errors import CompositionError
from ssrec.pretext.masking import Masking

TOKEN = 99
MODES = ("cloze", "span", "tail")


def rows(lengths, width):
    """Right-aligned rows of different items."""
    ids = torch.arange(1, len(lengths) * width + 1).view(len(lengths), width)
    ids[torch.arange(width) < width - torch.tensor(lengths)[:, None]] = PAD
    return ids


@given(
    st.lists(st.integers(0, 9), max_size=6),
    st.sampled_from(MODES),
    st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    st.booleans(),
    st.booleans(),
)
def test_the_laws_of_every_mode(lengths, mode, probability, at_least_one, always_last):
    ids = rows(lengths, 9)
    before = ids.clone()
    found = Masking(TOKEN, mode, probability, at_least_one, always_last).draw(ids)
    assert torch.equal(ids, before) and not found[ids == PAD].any()
    for row, n in zip(found.tolist(), lengths, strict=True):
        hidden = sum(row)
        assert hidden >= min(n, 1) or not (at_least_one or always_last)
        assert row[-1] or not (always_last and n)
        if mode != "cloze" and n:
            size = max(int(probability * n + 1e-9), int(at_least_one))
            assert size <= hidden <= size + always_last
        if mode == "tail" and n and not always_last:
            assert row == [False] * (9 - size) + [True] * size
        if mode == "span" and hidden and not always_last:
            first = row.index(True)
            assert row[first : first + hidden] == [True] * hidden, "not one run"


def test_a_span_has_a_uniform_place():
    found = Masking(TOKEN, "span", 0.5).draw(rows([4], 6).repeat(2000, 1))
    starts = torch.bincount(found.int().argmax(1), minlength=6) / 2000
    torch.testing.assert_close(starts, torch.tensor([0, 0, 1 / 3, 1 / 3, 1 / 3, 0]), atol=0.05, rtol=0)


def test_each_item_of_a_cloze_has_its_chance():
    found = Masking(TOKEN, "cloze", 0.3, at_least_one=False).draw(rows([4, 2], 4).repeat(1000, 1)).view(1000, 2, 4)
    torch.testing.assert_close(
        found.float().mean(0), torch.tensor([[0.3] * 4, [0.0, 0.0, 0.3, 0.3]]), atol=0.06, rtol=0
    )


def test_a_probability_outside_its_range_is_refused():
    with pytest.raises(CompositionError, match=r"probability=1\.5 must be between 0 and 1"):
        Masking(TOKEN, probability=1.5)
