"""Groups of test rows that get metrics of their own: `stratum=[tied,untied]` adds test/tied/ndcg@10 and the like."""

from abc import ABC, abstractmethod
from typing import ClassVar, final

from jaxtyping import Bool
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.data.split import Held
from ssrec.errors import CompositionError, DataError
from ssrec.metrics.long_tail import check_share, head_items


class Stratum(ABC):
    """A condition on rows of evaluation; it observes, and no model sees it."""

    needs: ClassVar[frozenset[str]] = frozenset()  # what the dataset must have

    @abstractmethod
    def __call__(self, corpus: Corpus, held: Held) -> Bool[Tensor, "B"]:
        """Which rows belong.

        Raises:
            DataError: the rows do not tell.
        """


@final
class Tied(Stratum):
    """Rows whose first target has the time of the event before it, so that their order is not known; or the others."""

    needs: ClassVar[frozenset[str]] = frozenset({"times"})

    def __init__(self, *, tied: bool):
        self.tied = tied

    def __call__(self, corpus: Corpus, held: Held) -> Bool[Tensor, "B"]:
        if held.tied is None:
            raise DataError("which targets are tied in time is not known: the dataset has no times; drop the stratum")
        return held.tied == self.tied


@final
class Cold(Stratum):
    """Rows that ask for an item without training events."""

    def __call__(self, corpus: Corpus, held: Held) -> Bool[Tensor, "B"]:
        cold = (~corpus.trained[held.target.values]).long()
        return cold.new_zeros(len(held)).index_add_(0, held.target.rows, cold) > 0


@final
class TargetPopularity(Stratum):
    """Rows whose targets are all in the head, or those that ask for an item outside it: each row is in one of the two.

    The head is the fewest most popular items that together make `share` of the training events; cold items, which have
    none, are outside.

    Raises:
        CompositionError: `share` is not in (0, 1].
    """

    def __init__(self, *, head: bool, share: float = 0.8):
        check_share(share)
        self.head = head
        self.share = share

    def __call__(self, corpus: Corpus, held: Held) -> Bool[Tensor, "B"]:
        outside = (~head_items(corpus.counts, self.share)[held.target.values]).long()
        asks = outside.new_zeros(len(held)).index_add_(0, held.target.rows, outside) > 0
        return ~asks if self.head else asks


@final
class HistoryLength(Stratum):
    """Rows whose past holds `least` to `most` events.

    Raises:
        CompositionError: no length lies between the two.
    """

    def __init__(self, *, least: int = 0, most: int | None = None):
        if least < 0 or (most is not None and most < least):
            raise CompositionError(f"stratum: no past has least={least} to most={most} events")
        self.least = least
        self.most = most

    def __call__(self, corpus: Corpus, held: Held) -> Bool[Tensor, "B"]:
        lengths = held.past.lengths
        inside = lengths >= self.least
        return inside if self.most is None else inside & (lengths <= self.most)
