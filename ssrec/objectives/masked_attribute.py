"""Predict what hidden items are: the masked attributes of S3-Rec."""

from typing import ClassVar, Literal, final

from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.pretext.item_names import ItemNames
from ssrec.pretext.masking import Masking, Mode, masked_pass


@final
class MaskedAttribute(Objective[SequenceEncoding]):
    """Masked attribute prediction (S3-Rec: Zhou et al., CIKM 2020, as its code runs).

    Binary cross-entropy of `x' W e_a` at masked items, summed over all names a of the attributes, those of the hidden
    item against the others, in a pass that is not causal and is shared with objectives that mask alike. Parts:
    masked_attribute.

    Args:
        feature: the attributes.
        mode, probability, at_least_one, always_last: see `Masking`.
        per: item: a mean over masked items. row: over rows, of the sum over a row's masked items.
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
        mode: Mode = "cloze",
        probability: float = 0.2,
        at_least_one: bool = True,
        always_last: bool = False,
        per: Literal["item", "row"] = "item",
    ):
        super().__init__(encoder, corpus)
        self.names = ItemNames(encoder, corpus, feature)
        self.masking = Masking(corpus.mask, mode, probability, at_least_one, always_last)
        self.per_row = per == "row"

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        found = masked_pass(x, self.masking)
        hidden, items = found.at(found.masked)
        total = self.names.each(hidden, items)
        return {"masked_attribute": global_mean(total, len(x.batch) if self.per_row else len(items))}
