"""Settings that several splits have, and what they may be."""

from ssrec.errors import CompositionError


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a word that is none of those known."""
    if value not in known:
        raise CompositionError(f"split.{name}={value}: choose {' or '.join(known)}")


def check_share(**shares: float) -> None:
    """Refuse shares that are not between 0 and 1, or leave nothing."""
    for name, value in shares.items():
        if not 0 < value < 1:
            raise CompositionError(f"split.{name}={value}: it is a share, above 0 and below 1")
    if sum(shares.values()) > 1 - 1e-9:
        said = " and ".join(f"split.{name}={value}" for name, value in shares.items())
        raise CompositionError(f"{said} leave nothing to train on; together they stay below 1")
