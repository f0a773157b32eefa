"""Numbers as text."""


def count(n: int) -> str:
    """12,345."""
    return f"{n:,}"


def percent(part: int | float, whole: int | float = 1) -> str:
    """Of a whole, with as many digits as tell it from 0 and from 100."""
    value = 100 * part / whole if whole else 0.0
    for digits in range(1, 6):
        text = f"{value:.{digits}f}"
        if float(text) not in (0, 100) or value in (0, 100):
            return f"{text} %"
    return "0.0 %" if value < 50 else "100.0 %"


def short(text: str, most: int = 48) -> str:
    """Cut where it is longer."""
    return text if len(text) <= most else text[: most - 3] + "..."


def share(part: int | float, whole: int | float) -> float:
    """part / whole, 0 of nothing."""
    return float(part) / float(whole) if whole else 0.0


def score(value: float | None) -> str:
    """.0123 as 0.0123, a dash where there is none."""
    return "-" if value is None else f"{value:.4f}"
