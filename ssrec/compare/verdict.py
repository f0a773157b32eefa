"""What a comparison says, in words."""

import math

from ssrec.compare.paired import Pair

ENOUGH = 3  # seeds


def verdict(pair: Pair, level: float, lower: bool) -> str:
    """Whether `first` is better or worse than `second`, or neither, and what that rests on.

    It is one of them where p after Holm is below 1 - `level` and the interval leaves out 0; both are over users and
    seeds where each has several, else over users.

    Args:
        pair: two settings on one metric.
        level: of the pair's intervals.
        lower: whether the metric is better when lower.
    """
    if math.isnan(pair.p_holm):
        return f"not distinguishable on {pair.metric}: a single user tells nothing"
    both = not math.isnan(pair.low_all)
    low, high = (pair.low_all, pair.high_all) if both else (pair.low, pair.high)
    sure = pair.p_holm < 1 - level and (low > 0 or high < 0)
    over = "" if both else " over users alone"
    if sure:
        size = abs(pair.difference)
        low, high = sorted((abs(low), abs(high)))
        told = f"{'worse' if lower == (pair.difference > 0) else 'better'} on {pair.metric} by {number(size)}"
    else:
        told = f"not distinguishable on {pair.metric}: difference {number(pair.difference)}"
    interval = f"interval {number(low)} to {number(high)}{over}"
    return f"{told}, {interval}, {_seeds(pair)}, p after Holm {chance(pair.p_holm)}"


def _seeds(pair: Pair) -> str:
    counts = sorted({n for n in pair.seeds if n is not None})
    if not counts:
        return "both fitted without seeds"
    told = f"{' and '.join(map(str, counts))} seed{'s' if counts != [1] else ''}"
    return told if counts[0] >= ENOUGH else f"{told} (fewer than {ENOUGH}: others may say otherwise)"


def number(value: float) -> str:
    """Four decimals below 1, two beyond, no leading zero; what would round to 0 keeps a digit."""
    text = f"{value:.{4 if abs(value) < 1 else 2}f}"
    if value and not float(text):
        return f"{value:.0e}"
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 else text


def chance(p: float) -> str:
    """Two digits of a p value."""
    return "below .0001" if p < 0.0001 else f"{p:.2g}".removeprefix("0")
