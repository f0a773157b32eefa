"""What `ssrec evaluate` is asked: which rankings, and by which protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from ssrec.candidates import Sampled
from ssrec.compose import Plain, locate
from ssrec.errors import CompositionError


@final
@dataclass(frozen=True)
class Asked:
    """Rankings to judge: their file, what it calls its columns, what they are called, and what unknown ids are."""

    rankings: str
    columns: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    drop_unknown: bool = False

    @property
    def label(self) -> str:
        """The name, or that of the file without its extensions."""
        return self.name or Path(Path(self.rankings).name.removesuffix(".gz")).stem


def check_protocol(content: Plain) -> None:
    """Whether lists can be judged by the protocol of a config.

    Raises:
        CompositionError: it asks for what only scores of the whole catalogue tell.
    """
    if content["mask_seen"] not in (True, False):
        raise CompositionError(
            f"mask_seen={content['mask_seen']} changes scores before the whole catalogue is ranked, and rankings are "
            "lists; say mask_seen=true or false"
        )
    if content["candidates"] and issubclass(locate(content["candidates"]["_target_"], "candidates"), Sampled):
        raise CompositionError(
            "candidates=sampled: lists do not tell where the items of a sample stand that are not listed; "
            "say candidates=full"
        )
