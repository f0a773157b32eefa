import pytest
import torch
from representations import DATA, corpus, seen

from ssrec.diagnostics.map import Map, commonest, principal
from ssrec.errors import CompositionError


def test_axes_are_those_of_the_centred_vectors():
    x = torch.randn(30, 4, dtype=torch.float64) * torch.tensor([1, 5, 3, 0.5], dtype=torch.float64) + 7
    axes, share = principal(x)
    centred = x - x.mean(0)
    _, values, rows = torch.linalg.svd(centred, full_matrices=False)
    assert share.item() == pytest.approx(float(values[:2].square().sum() / values.square().sum()))
    torch.testing.assert_close((axes * rows[:2].T).sum(0).abs(), torch.ones(2, dtype=torch.float64))
    assert (axes.abs().amax(0) == axes.amax(0)).all(), "the side that an axis points to is drawn at random"


def test_colours_are_of_the_commonest_names():
    labels = torch.tensor([3, 3, 0, 1, 3, 1, 2])
    group, names = commonest(labels, ("a", "b", "c", "d"), 2)
    assert names == ("c", "a", "others")
    assert group.tolist() == [0, 0, 2, 1, 0, 1, 2]
    group, names = commonest(labels, ("a", "b", "c", "d"), 9)
    assert names == ("c", "a", "b", "others"), "a name of nobody has no colour"
    assert group.tolist() == [0, 0, 3, 1, 0, 1, 2]
    assert commonest(torch.zeros(2, dtype=torch.long), (), 9)[1] == ("others",)


@pytest.mark.parametrize("width", [1, 2, 6])
def test_the_picture_has_every_item(width):
    items = torch.randn(5, width)
    found = Map(corpus(), DATA)(seen(items))
    picture = found.pictures["map"]
    assert picture.places.shape == (5, 2)
    assert picture.names == ("a", "b", "others") and picture.group.tolist() == [0, 0, 0, 1, 1]
    spread = picture.places.square().sum() / (items.double() - items.double().mean(0)).square().sum()
    assert spread.item() == pytest.approx(float(found.numbers["map_share"]), rel=1e-5)


def test_a_sample_is_drawn_where_asked():
    assert len(Map(corpus(), DATA, sample=2)(seen(torch.randn(5, 3))).pictures["map"].places) == 2
    for wrong in ({"sample": 0}, {"colours": 10}):
        with pytest.raises(CompositionError):
            Map(corpus(), DATA, **wrong)
