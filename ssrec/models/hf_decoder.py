"""GPT-style encoders: a standard causal transformer over a user's past items."""

from typing import ClassVar, final

from ssrec.models.transformer import TransformerEncoder


@final
class HFDecoder(TransformerEncoder):
    """A causal architecture of the transformers library: gpt2, llama, mistral, qwen2, qwen3, gemma, opt and others."""

    owner: ClassVar[str] = "hf_decoder"
    passes: ClassVar[tuple[bool, ...]] = (True,)
