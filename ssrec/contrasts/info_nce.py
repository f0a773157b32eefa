"""InfoNCE: tell a row's other view from the views of other rows."""

from typing import final

from jaxtyping import Bool, Float
from torch import Tensor

from ssrec.contrasts.contrast import Contrast, FalseNegatives, require_positive
from ssrec.losses import Sides, Similarity, global_mean, info_nce


@final
class InfoNCE(Contrast):
    """The mean over anchors of `ssrec.losses.info_nce`. Parts: info_nce.

    Args:
        similarity, temperature, negatives: see `ssrec.losses.info_nce`.
        false_negatives: mask: rows that ask for the same item are taken out of the negatives.

    Raises:
        CompositionError: for a setting outside its range.
    """

    def __init__(
        self,
        *,
        similarity: Similarity = "dot",
        temperature: float = 1.0,
        negatives: Sides = "two_sided",
        false_negatives: FalseNegatives = "keep",
    ):
        super().__init__()
        require_positive("info_nce", temperature=temperature)
        self.similarity: Similarity = similarity
        self.temperature = temperature
        self.negatives: Sides = negatives
        self.false_negatives = false_negatives

    def forward(
        self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], same: Bool[Tensor, "B C"] | None = None
    ) -> dict[str, Tensor]:
        total = info_nce(
            first,
            second,
            similarity=self.similarity,
            temperature=self.temperature,
            negatives=self.negatives,
            same=same,
        )
        return {"info_nce": global_mean(total, len(first) * (2 if self.negatives == "two_sided" else 1))}
