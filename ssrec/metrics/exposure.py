"""Whether providers of items are shown as much as their share of the catalogue, or of the events, would say."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from ssrec.batch import Corpus
from ssrec.metrics.accuracy import discounts
from ssrec.metrics.metric import lengths, on_device, top_list
from ssrec.metrics.names import item_names
from ssrec.ranking import Ranking


@final
class ProviderExposure(Metric):
    """The exposure e_g of each provider g in all top-K lists against its share s_g, both as parts of 1.

    A place at rank j exposes its item by 1 / log2(j + 1), as in Singh and Joachims, KDD 2018; an item with m providers
    exposes each by 1/m, and items without one are left out. Results, called by the feature and what is compared with:

    - `exposure_gap_brand_catalogue@K`: sum_g |e_g - s_g| / 2, the part of the exposure that would have to move; in
      [0, 1], 0 the fairest;
    - `exposure_ratio_brand_catalogue@K`: the smallest e_g / s_g over the largest, over providers with a share; in
      [0, 1], 1 the fairest, and 0 as soon as one is never shown: for few providers. Demographic parity there.

    Args:
        feature: the column of names that says who provides an item.
        against: the share of the catalogue's items (catalogue) or of the training events (events).
        ks: list lengths.

    Raises:
        CompositionError: the items have no such names.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    needs_named: ClassVar[tuple[str, ...]] = ("feature",)
    higher_is_better = None
    full_state_update = False
    cut = True

    def __init__(
        self,
        corpus: Corpus,
        *,
        feature: str,
        against: Literal["catalogue", "events"] = "catalogue",
        ks: Sequence[int],
    ):
        super().__init__()
        self.ks = lengths(corpus, ks)
        self.names = item_names(corpus, feature, "metric exposure")
        self.suffix = f"{feature}_{against}"
        weights = torch.ones(corpus.item_rows) if against == "catalogue" else corpus.counts
        share = self.names.spread(weights.double())
        self.register_buffer("share", share / share.sum(), persistent=False)
        self.share: Tensor
        shown = torch.zeros(len(self.ks), corpus.item_rows, dtype=torch.float64)
        self.add_state("shown", shown, dist_reduce_fx="sum")
        self.shown: Tensor

    def update(self, r: Ranking) -> None:
        for i, k in enumerate(self.ks):
            items = top_list(r, k)
            places = discounts(torch.arange(1, k + 1, device=items.device)).expand(items.shape)
            self.shown[i].index_add_(0, items.flatten(), places.flatten())

    def compute(self) -> dict[str, Tensor]:
        found = {}
        for i, k in enumerate(self.ks):
            exposure = self.names.spread(self.shown[i])
            total, some = exposure.sum(), self.share > 0
            if total > 0 and some.any():
                exposure = exposure / total
                low, high = (exposure / self.share)[some].aminmax()
                found[f"exposure_gap_{self.suffix}@{k}"] = (exposure - self.share).abs().sum() / 2
                if high > 0:  # else only providers without a share are shown
                    found[f"exposure_ratio_{self.suffix}@{k}"] = low / high
        return found

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        return super()._apply(on_device(fn), exclude_state)
