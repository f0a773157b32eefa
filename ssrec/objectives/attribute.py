"""Predict what the items that a position reads are: the associated attributes of S3-Rec."""

from typing import ClassVar, Literal, final

from torch import Tensor

from ssrec.batch import PAD, Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.pretext.item_names import ItemNames
from ssrec.pretext.masking import Masking, Mode, masked_pass


@final
class Attribute(Objective[SequenceEncoding]):
    """Associated attribute prediction (S3-Rec: Zhou et al., CIKM 2020, as its code runs).

    Binary cross-entropy of `x' W e_a` at items that were not masked, summed over all names a of the attributes, those
    of an item against the others. Parts: attribute.

    Args:
        feature: the attributes.
        reads: masked: the unmasked items of a masked pass that is not causal, shared with objectives that mask alike.
            own: the batch's own pass, all of whose items are unmasked; no further pass.
        mode, probability, at_least_one, always_last: see `Masking`.
        per: item: a mean over items. row: over rows, of the sum over a row's items.
    """

    rows = ("window", "prefix")
    passes = (False,)
    needs_named: ClassVar[tuple[str, ...]] = ("feature",)  # arguments whose value the dataset must offer

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        feature: str = "attributes",
        reads: Literal["masked", "own"] = "masked",
        mode: Mode = "cloze",
        probability: float = 0.2,
        at_least_one: bool = True,
        always_last: bool = False,
        per: Literal["item", "row"] = "item",
    ):
        super().__init__(encoder, corpus)
        self.names = ItemNames(encoder, corpus, feature)
        self.own = reads == "own"
        self.masking = Masking(corpus.mask, mode, probability, at_least_one, always_last)
        self.per_row = per == "row"

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        if self.own:
            real = x.ids != PAD
            hidden, items = x.hidden[real], x.ids[real]
        else:
            found = masked_pass(x, self.masking)
            hidden, items = found.at(found.unmasked)
        total = self.names.each(hidden, items)
        return {"attribute": global_mean(total, len(x.batch) if self.per_row else len(items))}
