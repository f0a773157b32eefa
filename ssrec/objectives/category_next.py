"""Predict the category of the next item."""

from typing import ClassVar, final

from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.pretext.item_names import ItemNames
from ssrec.pretext.next_labels import next_labels


@final
class CategoryNext(Objective[SequenceEncoding]):
    """Cross-entropy of a softmax over categories for the next item's, in the pass that predicts the next item.

    Over window rows every position predicts, over prefix rows the user's vector. An item of several names asks for each
    of them with an equal share of one. Parts: category_next, a mean over labels that have a name.

    Args:
        feature: the attributes that are the categories.
    """

    rows = ("window", "prefix")
    causal_rows = ("window",)
    needs_named: ClassVar[tuple[str, ...]] = ("feature",)  # arguments whose value the dataset must offer

    def __init__(self, encoder: Encoder, corpus: Corpus, *, feature: str = "attributes"):
        super().__init__(encoder, corpus)
        self.names = ItemNames(encoder, corpus, feature)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        """Raises CompositionError where a pass over windows would see its labels."""
        hidden, labels = next_labels(x, "category_next")
        asked = self.names.named(labels)
        return {"category_next": global_mean(self.names.one(hidden[asked], labels[asked]), asked.sum())}
