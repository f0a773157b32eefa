"""BERT-style encoders: a standard bidirectional transformer over a user's past items."""

from typing import ClassVar, final

from ssrec.models.transformer import TransformerEncoder


@final
class HFEncoder(TransformerEncoder):
    """A bidirectional architecture of the transformers library: bert, modernbert, roberta, electra, albert and others.

    It ranks at a mask token put after the past.
    """

    owner: ClassVar[str] = "hf_encoder"
    passes: ClassVar[tuple[bool, ...]] = (False,)
