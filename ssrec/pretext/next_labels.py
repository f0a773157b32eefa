"""Which vectors predict what comes next, and what that is."""

from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import PAD
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.nn import require


def require_causal(x: SequenceEncoding, objective: str) -> None:
    """Refuse a pass over windows that would see its labels, with a `CompositionError`; `objective` is named."""
    require(
        x.causal,
        f"{objective} over window rows needs a causal pass, or a position would see its label: "
        "say model.causal=true, data.rows=prefix, or objective=[masked_item]",
    )


def next_labels(x: SequenceEncoding, objective: str) -> tuple[Float[Tensor, "P D"], Int[Tensor, "P"]]:
    """Over window rows all positions that an item follows, and that item; over prefix rows the user and the target.

    Raises:
        CompositionError: a pass over windows is not causal, and would see its labels; `objective` is named.
    """
    if x.batch.kind == "prefix":
        vectors, labels = x.users, x.batch.target[:, 0]
    else:
        require_causal(x, objective)
        vectors, labels = x.hidden, x.batch.labels
    asked = labels != PAD
    return vectors[asked], labels[asked]
