"""Views of a row's own items against loops over rows, and the laws that every view keeps."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import PAD, Batch, Corpus
from ssrec.errors import CompositionError
from ssrec.views.dropout import Dropout
from ssrec.views.sequence import Crop, Mask, Reorder

N_ITEMS = 120
CORPUS = Corpus(torch.arange(1, N_ITEMS + 1), torch.tensor([0, 0, N_ITEMS]), 1, N_ITEMS)
VIEWS = {
    "crop": lambda share: Crop(CORPUS, keep=share),
    "mask": lambda share: Mask(CORPUS, rate=share),
    "reorder": lambda share: Reorder(CORPUS, rate=share),
}
every_view = pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS.keys())


def rows(*lengths, width=None):
    """Rows of distinct items 1..n, so that an item's id is its place."""
    width = max(lengths) if width is None else width
    return torch.tensor([[PAD] * (width - n) + list(range(1, n + 1)) for n in lengths], dtype=torch.long)


def batch(items):
    """A batch of these rows, in which item i was met at second 1000 + i."""
    row = torch.arange(len(items))
    return Batch(row, row, items, row[:, None], times=torch.where(items == PAD, 0, items + 1000))


def sequences(view, items):
    """What a view makes of the rows, without padding; fails where one is not right-aligned."""
    out = []
    for row in view(batch(items)).items.tolist():
        real = [i for i in row if i != PAD]
        assert row == [PAD] * (len(row) - len(real)) + real, "not right-aligned"
        out.append(real)
    return out


@every_view
@given(
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=6),
    extra=st.integers(0, 3),
    share=st.sampled_from([0.0, 0.2, 0.5, 0.6, 1.0]),
    seed=st.integers(0, 1000),
)
def test_laws_of_every_view(make, lengths, extra, share, seed):
    torch.manual_seed(seed)
    given = batch(rows(*lengths, width=max(lengths) + extra))
    items, times = given.items.clone(), given.times.clone()
    seen = make(share)(given)
    assert torch.equal(given.items, items) and torch.equal(given.times, times), "the input was edited"
    assert seen.items.shape == items.shape and seen.items.dtype == items.dtype
    kept = seen.items != CORPUS.mask
    assert torch.equal(seen.times[kept], batch(seen.items).times[kept]), "times do not go with their items"
    assert torch.equal(seen.times != 0, seen.items != PAD)
    for was, now in zip(items.tolist(), sequences(lambda _: seen, items), strict=True):
        assert set(now) <= {*was, CORPUS.mask} - {PAD}
        assert len(now) >= min(1, sum(i != PAD for i in was))


@every_view
def test_draws_follow_the_seed(make):
    items = rows(*[12] * 30)
    view = make(0.5)
    torch.manual_seed(5)
    once = sequences(view, items)
    torch.manual_seed(5)
    assert once == sequences(view, items) != sequences(view, items)


@every_view
def test_a_row_does_not_depend_on_padding(make):
    """The view of a row has the same distribution however wide its batch is."""
    torch.manual_seed(0)
    narrow = Counter(map(tuple, sequences(make(0.7), rows(*[3] * 4000))))
    wide = Counter(map(tuple, sequences(make(0.7), rows(*[3] * 4000, width=9))))
    assert set(narrow) == set(wide)
    for outcome, n in narrow.items():
        assert abs(n - wide[outcome]) < 300


def test_crop_keeps_each_run_alike():
    torch.manual_seed(0)
    found = Counter(map(tuple, sequences(Crop(CORPUS, keep=0.6), rows(*[5] * 6000, width=7))))
    assert set(found) == {(1, 2, 3), (2, 3, 4), (3, 4, 5)}  # floor(.6 * 5) = 3, exactly
    assert all(abs(n - 2000) < 150 for n in found.values())


def test_crop_keeps_at_least_one_item():
    assert all(len(s) == 1 for s in sequences(Crop(CORPUS, keep=0.2), rows(1, 2, 3, 4)))


@pytest.mark.parametrize(("n", "rate", "count"), [(10, 0.3, 3), (10, 0.59, 5), (10, 1.0, 10), (100, 0.29, 29)])
def test_mask_hides_the_floor_of_its_share_at_places_alike(n, rate, count):
    """The last case is 28.999999999999996 in fp64."""
    torch.manual_seed(0)
    masked = Mask(CORPUS, rate=rate)(batch(rows(*[n] * 5000, width=n + 3))).items == CORPUS.mask
    assert (masked.sum(1) == count).all()
    assert not masked[:, :3].any()
    torch.testing.assert_close(masked[:, 3:].float().mean(0), torch.full((n,), count / n), atol=0.03, rtol=0)


def test_mask_leaves_what_it_does_not_hide_in_place():
    given = batch(rows(10, 7))
    out = Mask(CORPUS, rate=0.5)(given)
    assert torch.equal(torch.where(out.items == CORPUS.mask, given.items, out.items), given.items)
    assert torch.equal(out.times, given.times)


def test_reorder_shuffles_one_run_and_nothing_else():
    torch.manual_seed(0)
    n, length = 6, 3
    found = Counter(map(tuple, sequences(Reorder(CORPUS, rate=0.5), rows(*[n] * 20_000, width=8))))
    possible = Counter()
    for first in range(n - length + 1):
        for order in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]:
            row = list(range(1, n + 1))
            row[first : first + length] = [row[first + o] for o in order]
            possible[tuple(row)] += 1 / 24  # 4 runs, 6 orders
    assert set(found) == set(possible)
    for row, share in possible.items():
        assert abs(found[row] / 20_000 - share) < 0.02, row


def test_dropout_leaves_the_rows_to_the_pass():
    given = batch(rows(10, 7))
    assert Dropout(CORPUS)(given) is given


@every_view
def test_rows_without_times_have_none_after(make):
    given = batch(rows(10, 7))
    assert make(0.5)(Batch(given.rows, given.user, given.items, given.target)).times is None


@every_view
@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_is_between_0_and_1(make, share):
    with pytest.raises(CompositionError, match=f"={share}"):
        make(share)
