"""Pictures as PNG files, which W&B takes too, by Pillow, which is an extra.

A plotting library would do more than these two need, be imported by torchmetrics wherever it is installed, and write
its caches into the home directory.
"""

from collections.abc import Iterable, Sequence
from math import floor, log10
from pathlib import Path
from typing import Any, final

from ssrec.diagnostics.pictures import Curves, Picture, Points

MISSING = "pictures are not drawn: Pillow is missing; pip install 'ssrec[plots]'"
WIDTH, HEIGHT, SHARPNESS = 720, 480, 2  # drawn larger and made smaller, so that edges are smooth
LEFT, RIGHT, TOP, BOTTOM = 64, 180, 40, 48  # around the plot; to the right of it stands the legend
FOOT = -12  # the least power of ten that is shown
INK, GREY = "#222222", "#c8c8c8"
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#bcbd22", "#17becf")

Place = tuple[int | float, int | float]


@final
class Sheet:
    """An empty plot; places are shares of its width and height, from the lower left corner."""

    def __init__(self, title: str):
        from PIL import Image, ImageDraw, ImageFont

        self.image = Image.new("RGB", (WIDTH * SHARPNESS, HEIGHT * SHARPNESS), "white")
        self.pen: Any = ImageDraw.Draw(self.image)
        self.font = ImageFont.load_default(12 * SHARPNESS)
        self.pen.rectangle([*self._at((0, 1)), *self._at((1, 0))], outline=INK, width=SHARPNESS)
        self.write((0, 1), title, "ld", (0, -10))

    def _at(self, place: Place, shift: Place = (0, 0)) -> Place:
        x = LEFT + place[0] * (WIDTH - LEFT - RIGHT) + shift[0]
        y = TOP + (1 - place[1]) * (HEIGHT - TOP - BOTTOM) + shift[1]
        return x * SHARPNESS, y * SHARPNESS

    def write(self, place: Place, text: str, anchor: str, shift: Place) -> None:
        self.pen.text(self._at(place, shift), text, INK, self.font, anchor)

    def line(self, places: Sequence[Place], colour: str) -> None:
        self.pen.line([self._at(place) for place in places], colour, 2 * SHARPNESS, "curve")

    def dots(self, places: Iterable[Place], colour: str) -> None:
        for x, y in map(self._at, places):
            r = 2.5 * SHARPNESS
            self.pen.ellipse([x - r, y - r, x + r, y + r], colour)

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        """Names and their colours."""
        for i, (name, colour) in enumerate(entries):
            y = 10 + 20 * i
            self.pen.rectangle([*self._at((1, 1), (12, y - 5)), *self._at((1, 1), (22, y + 5))], colour)
            shown = name if len(name) <= 20 else f"{name[:19]}…"
            self.write((1, 1), shown, "lm", (30, y))

    def save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.image.resize((WIDTH, HEIGHT), 1).save(file)  # 1: Lanczos


def draw_curves(picture: Curves) -> Sheet:
    sheet = Sheet(picture.title)
    positive = [v for line in picture.lines.values() for v in line[line > 0].tolist()]
    foot = max(FOOT, min(-1, floor(log10(min(positive, default=1.0)))))
    last = max([2, *(len(line) for line in picture.lines.values())])
    for power in range(foot, 1, 1 + -foot // 6):
        sheet.write((0, 1 - power / foot), f"1e{power}" if power else "1", "rm", (-6, 0))
    for place in sorted({1, (1 + last) // 2, last}):
        sheet.write(((place - 1) / (last - 1), 0), str(place), "mt", (0, 8))
    sheet.write((0.5, 0), picture.x, "mt", (0, 26))
    sheet.write((1, 1), picture.y, "rd", (0, -10))
    entries = list(zip(picture.lines, COLOURS, strict=False))
    for name, colour in entries:
        heights = picture.lines[name].double().clamp(min=10.0**foot).log10() / -foot + 1
        sheet.line([(i / (last - 1), y) for i, y in enumerate(heights.tolist())], colour)
    sheet.legend(entries)
    return sheet


def draw_points(picture: Points) -> Sheet:
    sheet = Sheet(picture.title)
    colours = [*COLOURS[: len(picture.names) - 1], GREY]
    shown = picture.group.unique().tolist()
    if len(picture.places):
        low, high = picture.places.amin(0), picture.places.amax(0)
        places = 0.02 + 0.96 * (picture.places - low) / (high - low).clamp(min=1e-12)
        for i in reversed(shown):  # grey lies below
            sheet.dots([(x, y) for x, y in places[picture.group == i].tolist()], colours[i])
    sheet.legend([(picture.names[i], colours[i]) for i in shown])
    return sheet


def save(picture: Picture, file: Path) -> bool:
    """Draw a picture into a file; False where Pillow is missing."""
    try:
        sheet = draw_curves(picture) if isinstance(picture, Curves) else draw_points(picture)
    except ModuleNotFoundError:
        return False
    sheet.save(file)
    return True
