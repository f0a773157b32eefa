"""Tell which items of a row were replaced by others: the detection task of ELECTRA."""

from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.encodings.encoding import dot_scores
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.negatives import Proposal
from ssrec.objectives.objective import Objective
from ssrec.pretext.masking import Masking, Mode, masked_pass
from ssrec.pretext.whole_rows import whole
from ssrec.pretext.width import one_item

BUDGET = 2**22  # scores alive at once


@final
class ReplacedItem(Objective[SequenceEncoding]):
    """Binary cross-entropy at every item of whether it was replaced (ELECTRA: Clark et al., ICLR 2020, section 2).

    Some items of a row, past and target, give way to drawn ones; a linear map of each item's vector, in a pass that is
    not causal, says which. A draw that equals the item counts as that item. Parts: replaced_item, a mean over items.

    Args:
        distribution: of the draws: uniform, popularity in proportion to training events, or own: the softmax over the
            catalogue that this encoder gives at the hidden items. Nothing flows back through a draw. ELECTRA's
            generator is another, smaller network; to train this one as a generator, add `masked_item`: the pass over
            hidden items is shared where both mask alike.
        mode, probability, at_least_one, always_last: which items are replaced, see `Masking`.
    """

    rows = ("window", "prefix")
    passes = (False,)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        distribution: Literal["uniform", "popularity", "own"] = "uniform",
        mode: Mode = "cloze",
        probability: float = 0.15,
        at_least_one: bool = True,
        always_last: bool = False,
    ):
        super().__init__(encoder, corpus)
        self.masking = Masking(corpus.mask, mode, probability, at_least_one, always_last)
        self.proposal = None if distribution == "own" else Proposal(corpus, distribution)
        self.head = nn.Linear(one_item(encoder).hidden.shape[-1], 1)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        ids, seen = self._replaced(x)
        real = ids != PAD
        found = self.head(x.view(seen, causal=False).hidden[real]).squeeze(1).float()
        replaced = (seen != ids)[real].float()
        total = F.binary_cross_entropy_with_logits(found, replaced, reduction="sum")
        return {"replaced_item": global_mean(total, len(found))}

    def _replaced(self, x: SequenceEncoding) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
        """Whole rows as they were, and with some items replaced."""
        if self.proposal is None:
            found = masked_pass(x, self.masking)
            drawn = drawn_by_score(found.at(found.masked)[0].detach(), x.items.detach())
            return found.ids, found.ids.masked_scatter(found.masked, drawn)
        ids = whole(x)
        return ids, torch.where(self.masking.draw(ids), self.proposal.sample(*ids.shape), ids)


def drawn_by_score(hidden: Float[Tensor, "P D"], items: Float[Tensor, "N D"]) -> Int[Tensor, "P"]:
    """An item for each vector, drawn from the softmax of its scores over the catalogue.

    Row 0 of the items is padding; at most `BUDGET` scores are alive.
    """
    drawn = torch.empty(len(hidden), dtype=torch.long, device=hidden.device)
    size = max(1, BUDGET // len(items))
    for start in range(0, len(hidden), size):
        rows = slice(start, start + size)
        drawn[rows] = 1 + dot_scores(hidden[rows], items)[:, 1:].softmax(1).multinomial(1).squeeze(1)
    return drawn
