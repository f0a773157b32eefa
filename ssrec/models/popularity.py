"""Popularity: everybody gets what most events are about, of all times or of late."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import Batch, Corpus
from ssrec.encodings.encoding import FittedEncoding
from ssrec.models.encoder import Encoder
from ssrec.nn import require

DAY = 86_400  # seconds


def weight_by_age(
    times: Int[Tensor, "E"], days: float | None, share: float | None, half_life: float | None
) -> Float[Tensor, "E"]:
    """How much each event counts by its age before the last of them; at most one of the settings is given."""
    age = (times.max() - times).double() if len(times) else times.double()
    if half_life is not None:
        return (-age / (half_life * DAY)).exp2().float()
    if days is not None:
        return (age < days * DAY).float()
    if share is not None and len(age):
        return (age <= age.kthvalue(max(1, round(share * len(age)))).values).float()
    return torch.ones(len(times))


@final
class Popularity(Encoder):
    """Scores an item by its training events, or by the sum of their weights where they have some; the same for all.

    Ages are counted back from the last training event, and at most one of the settings that read them is given.

    Args:
        corpus: The training split, with times where a setting reads them.
        days: Only events younger than so many days count; None: all.
        share: Only the latest share of the events counts, and what is of one time with the oldest of them; None: all.
        half_life: An event counts half as much as one that is so many days younger; None: age decides nothing.

    Raises:
        CompositionError: For a setting outside its range, two of them at once, or no times to count ages by.
    """

    reads_weights = True
    personal = False
    needs_when: ClassVar[Mapping[str, str]] = MappingProxyType(dict.fromkeys(("days", "share", "half_life"), "times"))

    def __init__(
        self,
        corpus: Corpus,
        *,
        days: float | None = None,
        share: float | None = None,
        half_life: float | None = None,
    ):
        super().__init__(corpus)
        said = {"days": days, "share": share, "half_life": half_life}
        given = {name: value for name, value in said.items() if value is not None}
        require(len(given) < 2, f"popularity: {' and '.join(given)} are two ways to say what is recent; keep one")
        for name, value in given.items():
            require(value > 0, f"popularity: {name}={value} must be above 0")
            require(corpus.times is not None, f"popularity: {name}={value} reads times, and the events have none")
        require(share is None or share <= 1, f"popularity: share={share} must be at most 1")
        total = corpus.counts.float()
        if corpus.weights is not None or given:
            each = torch.ones(len(corpus.items)) if corpus.weights is None else corpus.weights
            if corpus.times is not None and given:
                each = each * weight_by_age(corpus.times, days, share, half_life)
            total = torch.zeros(corpus.item_rows).index_add_(0, corpus.items, each)
        self.register_buffer("total", total)
        self.total: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        return self.total.repeat(len(batch), 1)  # a copy: a ranking may write into its scores
