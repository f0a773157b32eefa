"""How much of a list lies outside the few items that most events are about."""

from collections.abc import Sequence
from typing import final

from jaxtyping import Bool, Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.metrics.metric import RowMean, list_mean, top_list
from ssrec.ranking import Ranking


def check_share(share: float) -> None:
    """Refuse what is no share of all events.

    Raises:
        CompositionError: it is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise CompositionError(f"share={share}: a share of all events is above 0 and at most 1, for example share=0.8")


def head_items(counts: Int[Tensor, "N"], share: float) -> Bool[Tensor, "N"]:
    """The fewest most popular items that make at least `share` of all events, and those that tie with the last of them.

    Items without events are never among them.
    """
    falling = counts.sort(descending=True).values
    so_far = falling.cumsum(0).double()
    enough = so_far >= share * so_far[-1] * (1 - 1e-12)  # share * total may be rounded up
    least = falling[enough.long().argmax()]
    return counts >= least.clamp(min=1)


@final
class LongTail(RowMean):
    """The share of a top-K list that is in the long tail, averaged over rows: in [0, 1], higher is less popular.

    The tail is all but the most popular items that together make `share` of the training events. Average percentage
    of long tail items of Abdollahpouri, Burke and Mobasher, FLAIRS 2019. Rows without any candidate do not count.

    Args:
        share: of the training events that the head makes.

    Raises:
        CompositionError: `share` is not in (0, 1].
    """

    name = "long_tail"
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, share: float = 0.8, ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        check_share(share)
        self.register_buffer("tail", (~head_items(corpus.counts, share)).double(), persistent=False)
        self.tail: Tensor

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return list_mean(self.tail, top_list(r, k))
