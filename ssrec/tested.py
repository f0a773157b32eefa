"""What a test leaves beside its averages: the values of each row, what to warn of, and its lists where asked for."""

from collections.abc import Mapping
from typing import final

from jaxtyping import Float32, Float64
from torch import Tensor, nn

from ssrec.guards import Watch
from ssrec.per_user import PerUser
from ssrec.ranking import Ranking
from ssrec.top_lists import TopLists


@final
class Tested(nn.Module):
    """Collects batch by batch; after `gather`, `per_user`, `watched` and `top_lists` are those of all processes.

    Args:
        top_lists: takes the ranked lists, where they are to be stored.
        zeroed: whether items of the past were ranked with a score of 0.
    """

    def __init__(self, top_lists: TopLists | None = None, *, zeroed: bool = False):
        super().__init__()
        self.top_lists = top_lists
        self.per_user: dict[str, Tensor] = {}
        self.watched: dict[str, int] = {}
        self._rows = PerUser()
        self._watch = Watch()
        self._zeroed = zeroed

    def depth(self, top: int, width: int) -> int:
        """How long the lists of a ranking must be where metrics read `top` items, and rows have `width` targets."""
        return top if self.top_lists is None else max(top, self.top_lists.depth(width))

    def add(self, scores: Float32[Tensor, "B N"], found: Ranking, values: Mapping[str, Float64[Tensor, "B"]]) -> None:
        """A batch: the scores, their ranking, and its rows' values of the metrics that are stored for each user."""
        self._rows.add(found.batch.rows, found.relevant, values)
        self._watch.update(scores, found)
        if self.top_lists is not None:
            self.top_lists.add(scores, found, zeroed=self._zeroed)

    def gather(self) -> None:
        """Bring the rows of all processes together; every one of them has to ask for it."""
        self.per_user, self._rows = self._rows.gathered(), PerUser()
        self.watched = self._watch.compute()
        self._watch.reset()
        if self.top_lists is not None:
            self.top_lists.gather()
