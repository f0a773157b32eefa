"""Whether lists are more popular than what their users chose themselves."""

from collections.abc import Callable, Sequence
from typing import ClassVar, final

import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torchmetrics import Metric

from ssrec.batch import Corpus
from ssrec.metrics.metric import lengths, list_mean, on_device, top_list
from ssrec.metrics.novelty import met_by
from ssrec.ranking import Ranking


@final
class PopularityLift(Metric):
    """How much more popular, relatively, a list is than its user's past: 0 is as popular, 1 twice as popular.

    An item's popularity is the number of training users who met it. With the mean popularity q_u of the top-K list of
    row u and p_u of the events of her whole past, over the n rows that have both and p_u > 0:

    - `popularity_lift@K`: (1/n) sum_u (q_u - p_u) / p_u, where every user weighs the same;
    - `delta_gap@K`: (sum_u q_u - sum_u p_u) / sum_u p_u, of the group averages, where users of popular items decide:
      delta GAP of Abdollahpouri, Mansoury, Burke and Mobasher, "The Unfairness of Popularity Bias in Recommendation",
      RMSE workshop at RecSys 2019, with all rows (or those of a stratum) as the group.

    Both lie in [-1, inf); above 0 popularity is amplified, below it is damped, and near 0 is faithful to the users.
    """

    name: ClassVar[str] = "popularity_lift"
    needs: ClassVar[frozenset[str]] = frozenset()
    higher_is_better = False
    full_state_update = False
    cut = True

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__()
        self.ks = lengths(corpus, ks)
        self.register_buffer("popularity", met_by(corpus).double(), persistent=False)
        self.popularity: Tensor
        for state in ("lifts", "lists", "pasts"):
            self.add_state(state, torch.zeros(len(self.ks), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("rows", torch.zeros(len(self.ks), dtype=torch.long), dist_reduce_fx="sum")
        self.lifts: Tensor
        self.lists: Tensor
        self.pasts: Tensor
        self.rows: Tensor

    def update(self, r: Ranking) -> None:
        p = self._past_mean(r)
        for i, k in enumerate(self.ks):
            q, some = list_mean(self.popularity, top_list(r, k))
            known = some & (p > 0)
            self.lifts[i] += torch.where(known, q / p - 1, 0).sum()
            self.lists[i] += torch.where(known, q, 0).sum()
            self.pasts[i] += torch.where(known, p, 0).sum()
            self.rows[i] += known.sum()

    def _past_mean(self, r: Ranking) -> Float64[Tensor, "B"]:
        past = r.past
        total = self.popularity.new_zeros(len(past)).index_add_(0, past.rows, self.popularity[past.values])
        return total / past.lengths

    def compute(self) -> dict[str, Tensor]:
        some = [(i, k) for i, k in enumerate(self.ks) if self.rows[i]]
        lift = {f"popularity_lift@{k}": self.lifts[i] / self.rows[i] for i, k in some}
        return lift | {f"delta_gap@{k}": self.lists[i] / self.pasts[i] - 1 for i, k in some}

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        return super()._apply(on_device(fn), exclude_state)
