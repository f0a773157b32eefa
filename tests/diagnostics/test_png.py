import sys

import pytest
import torch
from PIL import Image, ImageColor

from ssrec.diagnostics.pictures import Curves, Points
from ssrec.diagnostics.png import COLOURS, GREY, HEIGHT, WIDTH, save

PLACES = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [2.0, 1.0]])


def drawn(picture, file) -> Image.Image:
    assert save(picture, file)
    with Image.open(file) as image:
        assert image.format == "PNG" and image.size == (WIDTH, HEIGHT)
        return image.convert("RGB")


def where(image: Image.Image, colour: str) -> torch.Tensor:
    """Column and row of every pixel of a colour inside the frame, which is 64 to 540 wide and 40 to 432 high."""
    pixels = torch.tensor(list(image.tobytes())).view(HEIGHT, WIDTH, 3)
    near = (pixels - torch.tensor(ImageColor.getrgb(colour))).abs() < 20  # edges are smoothed
    return near.all(2)[43:430, 67:538].nonzero().flip(1) + torch.tensor([67, 43])


def test_points_stand_where_they_are_in_the_colour_of_their_group(tmp_path):
    group = torch.tensor([0, 1, 2, 2])
    image = drawn(Points("map", PLACES, group, ("$ of _ and 本", "b" * 50, "others")), tmp_path / "of" / "map.png")
    lower_left, middle, right = (where(image, c).double() for c in (*COLOURS[:2], GREY))
    assert lower_left.mean(0).tolist() == pytest.approx([64 + 0.02 * 476, 40 + 0.98 * 392], abs=2)
    assert middle.mean(0).tolist() == pytest.approx([64 + 0.5 * 476, 40 + 0.02 * 392], abs=2)
    assert right[:, 0].min() > middle[:, 0].max() and right[:, 1].max() - right[:, 1].min() > 300
    assert not len(where(image, COLOURS[2]))


def test_curves_fall_from_the_top_left(tmp_path):
    lines = {"items": torch.tensor([1.0, 0.1, 0.01], dtype=torch.float64), "users": torch.tensor([1.0, 0.0])}
    image = drawn(Curves("spectrum", "place", "share", lines), tmp_path / "curves.png")
    items, users = (where(image, c) for c in COLOURS[:2])
    assert items[:, 0].max() > 530 and items[:, 1].max() > 425, "the third place, at the foot of two powers of ten"
    straight = 40 + (items[:, 0] - 64) / 476 * 392
    assert (items[:, 1] - straight).abs().max() < 5, "powers of ten are evenly spaced"
    assert 295 < users[:, 0].max() < 307 and users[:, 1].max() > 425


@pytest.mark.parametrize(
    "picture",
    [
        Curves("spectrum", "place", "share", {}),
        Curves("spectrum", "place", "share", {"items": torch.ones(1)}),
        Points("map", PLACES[:0], torch.zeros(0, dtype=torch.long), ("others",)),
        Points("map", torch.ones(2, 2), torch.zeros(2, dtype=torch.long), ("others",)),
    ],
)
def test_little_to_draw_is_drawn(picture, tmp_path):
    drawn(picture, tmp_path / "little.png")


def test_without_pillow_nothing_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert not save(Curves("spectrum", "place", "share", {}), tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []
