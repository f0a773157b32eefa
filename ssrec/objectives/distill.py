"""Learn from the encoder of another finished run."""

from collections.abc import Callable
from typing import final

from jaxtyping import Bool, Float
from torch import Tensor

from ssrec.batch import PAD, Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.errors import CompositionError
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.pretext.distillations import Distillation
from ssrec.pretext.teacher import Frozen
from ssrec.pretext.width import one_item


@final
class Distill(Objective[SequenceEncoding]):
    """The mean over positions of a distillation from a trained encoder, which reads the same rows without dropout.

    Over window rows every position of the causal passes is compared, over prefix rows the user's vector; positions that
    either encoder is too short to read are left out. Parts: distill.

    Args:
        teacher: encoder of a finished run over the same dataset and split; in a config that run's folder.
        match: makes what is compared from the widths of the student's and the teacher's vectors.
    """

    rows = ("window", "prefix")
    causal_rows = ("window",)

    def __init__(
        self, encoder: Encoder, corpus: Corpus, *, teacher: Encoder, match: Callable[[int, int], Distillation]
    ):
        super().__init__(encoder, corpus)
        self.match = match(*(one_item(e).hidden.shape[-1] for e in (encoder, teacher)))
        self.teacher = Frozen(teacher, stored=False)  # a resumed run reads it anew

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        """Raises CompositionError where a pass over windows would see what it is asked for."""
        y: SequenceEncoding = self.teacher(x.batch)
        known = x.batch.whole
        if x.batch.kind == "prefix":
            return self._compared(x.users, y.users, x, y, known)
        for who, causal in {"the model": x.causal, "the teacher": y.causal}.items():
            if not causal:
                raise CompositionError(
                    f"distill over windows: {who} is not causal, and would see a label; say data.rows=prefix"
                )
        read = self._read(x, y)
        row = read.nonzero()[:, 0]
        return self._compared(x.hidden[read], y.hidden[read], x, y, known[row])

    def _read(self, x: SequenceEncoding, y: SequenceEncoding) -> Bool[Tensor, "B T"]:
        read = x.ids != PAD
        read[:, : -min(x.max_length, y.max_length)] = False
        return read

    def _compared(
        self,
        hidden: Float[Tensor, "P D"],
        theirs: Float[Tensor, "P E"],
        x: SequenceEncoding,
        y: SequenceEncoding,
        known: Tensor,
    ) -> dict[str, Tensor]:
        return {"distill": global_mean(self.match(hidden, x.items, theirs, y.items, known), len(hidden))}
