"""Views that bring in similar items against loops over rows."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import PAD, Batch, Corpus
from ssrec.errors import CompositionError
from ssrec.views.correlated import Insert, Substitute

N = 12
# items 1 and 2 were met together, 3 and 4, and so on; 11 and 12 each alone
PAIRS = [[i, i + 1] for i in range(1, 11, 2)] + [[11], [12]]
CORPUS = Corpus(
    torch.tensor([i for pair in PAIRS for i in pair]),
    torch.tensor([0, 0, *(len(pair) for pair in PAIRS)]).cumsum(0),
    n_users=len(PAIRS),
    n_items=N,
)
PARTNER = {i: (i - 1 ^ 1) + 1 for i in range(1, 11)}
LENGTHS = st.lists(st.integers(0, N), min_size=1, max_size=6)
RATES = st.sampled_from([0.0, 0.3, 0.5, 1.0])


def batch(lengths, width=None):
    """Rows 1..n, item i met at second 1000 + i."""
    width = max(lengths) if width is None else width
    items = torch.tensor([[PAD] * (width - n) + list(range(1, n + 1)) for n in lengths], dtype=torch.long)
    row = torch.arange(len(items))
    return Batch(row, row, items, row[:, None], times=torch.where(items == PAD, 0, items + 1000))


def events(seen):
    """Each row's items and times without padding; fails where it is not right-aligned."""
    out = []
    for row, times in zip(seen.items.tolist(), seen.times.tolist(), strict=True):
        real = [(i, t) for i, t in zip(row, times, strict=True) if i != PAD]
        assert row == [PAD] * (len(row) - len(real)) + [i for i, _ in real], "not right-aligned"
        assert times[: len(row) - len(real)] == [0] * (len(row) - len(real))
        out.append(real)
    return out


@given(LENGTHS, RATES, st.integers(0, 3), st.integers(0, 1000))
def test_substitute_changes_its_share_to_the_partner_in_place(lengths, rate, extra, seed):
    torch.manual_seed(seed)
    given = batch(lengths, max(lengths) + extra)
    before = given.items.clone()
    seen = Substitute(CORPUS, rate=rate)(given)
    assert torch.equal(given.items, before) and torch.equal(seen.times, given.times)
    for n, row in zip(lengths, events(seen), strict=True):
        changed = [(i, now) for i, (now, _) in zip(range(1, n + 1), row, strict=True) if now != i]
        drawn = min(n, max(1, int(rate * n + 1e-9)))
        lone = max(0, n - 10)  # 11 and 12 have nobody
        assert drawn - lone <= len(changed) <= drawn
        assert all(now == PARTNER[i] for i, now in changed)


@given(LENGTHS, RATES, st.integers(0, 3), st.integers(0, 1000))
def test_insert_puts_the_partner_before_its_share(lengths, rate, extra, seed):
    torch.manual_seed(seed)
    given = batch(lengths, max(lengths) + extra)
    before = given.items.clone(), given.times.clone()
    seen = Insert(CORPUS, rate=rate)(given)
    assert torch.equal(given.items, before[0]) and torch.equal(given.times, before[1])
    for n, row in zip(lengths, events(seen), strict=True):
        own, inserted, place = [], [], 0
        for i in range(1, n + 1):
            if row[place][0] != i or (place + 1 < len(row) and row[place + 1] == (i, 1000 + i)):
                assert row[place] == (PARTNER[i], 1000 + i), "the partner, at the time of what it precedes"
                inserted.append(i)
                place += 1
            own.append(row[place])
            place += 1
        assert own == [(i, 1000 + i) for i in range(1, n + 1)] and place == len(row), "the row itself is all there"
        drawn = min(n, max(1, int(rate * n + 1e-9)))
        assert drawn - max(0, n - 10) <= len(inserted) <= drawn


@pytest.mark.parametrize("view", [Substitute, Insert])
def test_places_are_drawn_alike(view):
    torch.manual_seed(0)
    rows = events(view(CORPUS, rate=0.2)(batch([5] * 5000)))
    found = Counter(next((p for p, (i, _) in enumerate(row) if i != p + 1), 4) for row in rows)
    assert all(abs(found[p] - 1000) < 120 for p in range(5))


@pytest.mark.parametrize("view", [Substitute, Insert])
def test_the_similar_items_of_this_epoch_are_used(view):
    made = view(CORPUS, rate=1.0, refresh=1)
    vectors = torch.zeros(N + 1, 2)
    vectors[1], vectors[7] = torch.tensor([3.0, 0.0]), torch.tensor([3.0, 0.0])
    given = batch([1])
    for expected in (2, 7):  # 1 and 2 were met together; later 1 and 7 have the largest product
        made.before_epoch(lambda: vectors)
        assert int(made(given).items[0, 0 if view is Insert else -1]) == expected


@pytest.mark.parametrize("view", [Substitute, Insert])
def test_a_share_is_between_0_and_1(view):
    with pytest.raises(CompositionError, match="rate=2"):
        view(CORPUS, rate=2.0)


def test_what_was_fitted_follows_the_device_and_stays_out_of_checkpoints():
    made = Insert(CORPUS, rate=0.5)
    assert list(made.state_dict()) == ["similar.epoch"]
    assert {name for name, _ in made.named_buffers()} > {"similar.item", "similar.score"}
