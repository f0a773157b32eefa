"""Plots as inline SVG: a few shapes and the page's own colours, nothing to load."""

from collections.abc import Sequence
from html import escape

from ssrec.audit.section import Bars, Lines
from ssrec.audit.words import short

WIDTH, HEIGHT, LEFT = 560, 180, 150
BAR, GAP = 14, 10


def bars(content: Bars) -> str:
    """Horizontal bars, the series of a label side by side."""
    top = content.top or max((v for values in content.series.values() for v in values), default=0) or 1
    plot = WIDTH - LEFT - 70
    step = BAR * len(content.series) + GAP
    shapes = []
    for i, label in enumerate(content.labels):
        y = i * step
        shapes.append(_text(LEFT - 8, y + step / 2 - GAP / 2 + 4, short(label, 24), "end"))
        for j, (name, values) in enumerate(content.series.items()):
            value = values[i]
            width = plot * min(1.0, value / top)
            shapes.append(
                f'<rect class="s{j}" x="{LEFT}" y="{y + j * BAR:g}" width="{width:.1f}" height="{BAR - 2}">'
                f"<title>{escape(label)}, {escape(name)}: {_number(value)}</title></rect>"
            )
            shapes.append(_text(LEFT + width + 6, y + j * BAR + BAR - 4, _number(value)))
    height = step * len(content.labels)
    if content.mark is not None:
        x = LEFT + plot * content.mark / top
        shapes.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
    return _figure(content.title, height, shapes, list(content.series) if len(content.series) > 1 else [])


def lines(content: Lines) -> str:
    """A polyline for each series from 0 to the largest value."""
    most = max((v for values in content.series.values() for v in values), default=0) or 1
    low, high = min(content.x), max(content.x)
    left, plot = 50, WIDTH - 60
    shapes = [f'<line class="axis" x1="{left}" x2="{left + plot}" y1="{HEIGHT}" y2="{HEIGHT}"/>']
    for j, values in enumerate(content.series.values()):
        points = (
            f"{left + plot * (x - low) / ((high - low) or 1):.1f},{HEIGHT - (HEIGHT - 10) * v / most:.1f}"
            for x, v in zip(content.x, values, strict=True)
        )
        shapes.append(f'<polyline class="l{j}" points="{" ".join(points)}"/>')
    shapes += [
        _text(left - 6, 14, _number(most), "end"),
        _text(left - 6, HEIGHT, "0", "end"),
        _text(left, HEIGHT + 16, content.ends[0]),
        _text(left + plot, HEIGHT + 16, content.ends[1], "end"),
    ]
    return _figure(content.title, HEIGHT + 22, shapes, list(content.series))


def _figure(title: str, height: int | float, shapes: Sequence[str], names: Sequence[str]) -> str:
    legend = "".join(f'<span class="key"><i class="k{j}"></i>{escape(name)}</span>' for j, name in enumerate(names))
    drawn = f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">{"".join(shapes)}</svg>'
    return f"<figure><figcaption>{escape(title)} {legend}</figcaption>{drawn}</figure>"


def _text(x: int | float, y: int | float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: int | float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.4f}" if value < 0.1 else f"{value:.3f}"
