"""Which views the two copies of a row get."""

from functools import partial

import pytest
import torch

from ssrec.batch import PAD, Batch, Corpus
from ssrec.errors import CompositionError
from ssrec.views.pair import Pair
from ssrec.views.view import View

CORPUS = Corpus(torch.arange(1, 9), torch.tensor([0, 0, 8]), n_users=1, n_items=8)


class Constant(View):
    """Marks its rows, so that a test sees which view a row drew, and its draws, so that it sees which."""

    def __init__(self, corpus, *, item, wider=0):
        super().__init__()
        self.item = item
        self.wider = wider
        self.epochs = 0

    def before_epoch(self, items):
        self.epochs += int(items().sum())

    def forward(self, batch):
        size = (len(batch), batch.items.shape[1] + self.wider)
        return Batch(
            batch.rows, batch.user, torch.full(size, self.item), batch.target, times=torch.randint(1, 2**40, size)
        )


def constants(*items):
    return {f"view {i}": partial(Constant, item=i) for i in items}


def batch(*lengths):
    width = max(lengths)
    items = torch.tensor([[PAD] * (width - n) + list(range(1, n + 1)) for n in lengths])
    row = torch.arange(len(items))
    return Batch(row, row, items, row[:, None], times=items * 10)


def drawn(pair, given, max_length=50):
    """The views of both copies of each row, and how often each pair was drawn."""
    first, second = pair(given, max_length)
    assert (first.items == first.items[:, -1:]).all() and (second.items == second.items[:, -1:]).all()
    one, other = first.items[:, -1], second.items[:, -1]
    twice = (one == other) & (first.times[:, -1] == second.times[:, -1])
    assert not twice.any(), "two copies share one draw of a view"
    return torch.bincount(one * 4 + other, minlength=16).view(4, 4)[1:, 1:]


@pytest.mark.parametrize(
    ("draw", "views", "expected"),
    [
        ("different", (3, 1, 2), torch.ones(3, 3) - torch.eye(3)),
        ("independent", (3, 1, 2), torch.ones(3, 3)),
        ("same", (3, 1, 2), torch.eye(3)),
        ("given", (2, 1), torch.tensor([[0, 1, 0], [0, 0, 0], [0, 0, 0]])),
    ],
)
def test_pairs_are_drawn_alike(draw, views, expected):
    torch.manual_seed(0)
    found = drawn(Pair(CORPUS, constants(*views), draw=draw), batch(*[2] * 9000))
    torch.testing.assert_close(found / 9000, expected / expected.sum(), atol=0.02, rtol=0)
    assert ((found == 0) == (expected == 0)).all()


@pytest.mark.parametrize("draw", ["different", "independent", "same", "given"])
def test_a_single_view_is_applied_twice(draw):
    assert drawn(Pair(CORPUS, constants(2), draw=draw), batch(*[2] * 20))[1, 1] == 20


@pytest.mark.parametrize("draw", ["different", "independent", "same", "given"])
def test_short_rows_have_views_of_their_own(draw):
    views = constants(*((1, 3) if draw == "given" else (1, 2, 3)))
    pair = Pair(CORPUS, views, draw=draw, short=2, short_views=["view 3"])
    torch.manual_seed(0)
    first, second = pair(batch(*[1, 2, 3, 4] * 200), 50)
    short = torch.arange(800) % 4 < 2
    for copy in (first, second):
        assert (copy.items[short] == 3).all()
    assert len(torch.stack([first.items[~short, -1], second.items[~short, -1]]).unique()) == (
        2 if draw == "given" else 3
    )


def test_copies_of_different_widths_are_padded_and_cut():
    views = {"narrow": partial(Constant, item=1), "wide": partial(Constant, item=2, wider=3)}
    first, second = Pair(CORPUS, views)(batch(*[4] * 50), 6)
    for copy in (first, second):
        assert copy.items.shape == copy.times.shape == (50, 6)
        narrow = copy.items[:, -1] == 1
        assert (copy.items[narrow, :2] == PAD).all() and (copy.times[narrow, :2] == PAD).all()
        assert (copy.items[~narrow] == 2).all()


def test_an_epoch_begins_for_every_view():
    pair = Pair(CORPUS, constants(1, 2))
    pair.before_epoch(lambda: torch.ones(3, 1))
    assert [view.epochs for view in pair.views.values()] == [3, 3]


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(CompositionError, match="no view to draw"):
        Pair(CORPUS, {})
    with pytest.raises(CompositionError, match="short_views names crop, which is none of the views: view 1, view 2"):
        Pair(CORPUS, constants(1, 2), short_views=["crop"])
    with pytest.raises(CompositionError, match="draw=given takes two views, one for each copy, and not 3: view 1"):
        Pair(CORPUS, constants(1, 2, 3), draw="given")
