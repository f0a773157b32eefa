"""Put a damaged row right: every item of it is predicted where it stood."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, cast, final

from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.whole_rows import whole
from ssrec.pretext.width import one_item
from ssrec.ranking_losses import RankingLoss
from ssrec.views.view import InPlace


@final
class Denoise(Objective[SequenceEncoding]):
    """A ranking loss of the item that stood at each place before the row was damaged, in a pass that is not causal.

    The damage and the question are BART's (Lewis et al., ACL 2020): views act on a row, past and target, one after
    another, and the whole row is asked for. Its decoder is not there: each place is read at its own vector, as for the
    shuffled words of StructBERT (Wang et al., ICLR 2020), so views must keep places; after crop or insert no place is
    that of the same item. Unlike `masked_item` it asks for what was moved or exchanged too, without being told where.
    Parts: denoise, a mean over the items asked for.

    Args:
        loss: the ranking loss.
        views: the damage, by name. What brings in other items comes first, since a mask token has no similar item.
        asked: all items, or those that were damaged.

    Raises:
        CompositionError: without a view.
    """

    rows = ("window", "prefix")
    passes = (False,)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        loss: Callable[[Corpus], RankingLoss],
        views: Mapping[str, Callable[[Corpus], InPlace]],
        asked: Literal["all", "damaged"] = "all",
    ):
        super().__init__(encoder, corpus)
        require(bool(views), "denoise has no view to damage rows with, for example views mask and reorder")
        self.loss = loss(corpus)
        made = {name: views[name](corpus) for name in sorted(views)}
        self._made = nn.ModuleDict(dict(sorted(made.items(), key=lambda named: named[1].own_items)))
        self.only_damaged = asked == "damaged"

    @property
    def views(self) -> dict[str, InPlace]:
        return {name: cast(InPlace, view) for name, view in self._made.items()}

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        for view in self.views.values():
            view.before_epoch(lambda: one_item(encoder).items)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        ids = whole(x)
        seen = replace(x.batch, items=ids, times=None)
        for view in self.views.values():
            seen = view(seen)
        asked = (seen.items != ids) if self.only_damaged else (ids != PAD)
        hidden, labels = x.view(seen.items, causal=False).hidden[asked], ids[asked]
        return {"denoise": global_mean(self.loss(hidden, x.items, labels), len(labels))}
