"""Whether a list has the categories of the user's past, in their proportions."""

from collections.abc import Sequence
from typing import ClassVar, final

from torch import Tensor

from ssrec.batch import Corpus
from ssrec.metrics.categories import entropy, shares
from ssrec.metrics.metric import RowMean, top_list
from ssrec.metrics.names import item_names
from ssrec.ranking import Ranking


@final
class Miscalibration(RowMean):
    """H((p + q) / 2) - (H(p) + H(q)) / 2 in bits: how far a list's categories q are from those of the past, p.

    The Jensen-Shannon divergence (Lin, IEEE Transactions on Information Theory 1991) in place of the smoothed
    Kullback-Leibler divergence of Steck, RecSys 2018, whose p and q these are with equal weights: an event, or an
    item of the list, with m categories adds 1/m to each. In [0, 1], averaged over rows; lower is better calibrated.
    Rows whose past or list has no category do not count. The past is whole, and holds what the split lets it hold.

    Args:
        feature: the column of names that is read.

    Raises:
        CompositionError: the items have no such names.
    """

    name = "miscalibration"
    needs_named: ClassVar[tuple[str, ...]] = ("feature",)
    higher_is_better = False

    def __init__(self, corpus: Corpus, *, feature: str = "attributes", ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        self.names = item_names(corpus, feature, f"metric {self.name}")

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        past = self.names.mass(r.past.rows, r.past.values, len(r.past))
        mass = self.names.list_mass(top_list(r, k))
        p, q = shares(past), shares(mass)
        divergence = entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2
        return divergence.clamp(0, 1), (past > 0).any(1) & (mass > 0).any(1)
