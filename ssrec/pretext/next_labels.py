"""Which vectors predict what comes next, and what that is."""

from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import PAD
from ssrec.errors import CompositionError
from ssrec.models.encoder import SequenceEncoding


def next_labels(x: SequenceEncoding, objective: str) -> tuple[Float[Tensor, "P D"], Int[Tensor, "P"]]:
    """Over window rows all positions that an item follows, and that item; over prefix rows the user and the target.

    Raises:
        CompositionError: a pass over windows is not causal, and would see its labels; `objective` is named.
    """
    if x.batch.kind == "prefix":
        vectors, labels = x.users, x.batch.target[:, 0]
    elif x.causal:
        vectors, labels = x.hidden, x.batch.labels
    else:
        raise CompositionError(
            f"{objective} over window rows needs a causal pass, or a position would see its label: "
            "say model.causal=true, data.rows=prefix, or objective=[masked_item]"
        )
    asked = labels != PAD
    return vectors[asked], labels[asked]
