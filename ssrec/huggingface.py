"""Standard transformers by name: architectures of the transformers library, made from a config and never downloaded."""

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ssrec.errors import CompositionError
from ssrec.nn import require, require_dropout, require_heads, require_sizes
from ssrec.positions import from_start

INNER = ("intermediate_size", "n_inner", "ffn_dim", "hidden_dim")  # names of the feed-forward network's width
OWN = {
    "hidden_size": "dim",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "max_position_embeddings": "max_length",
    **dict.fromkeys(INNER, "inner"),
}  # settings that have an argument of their own


@final
class Transformer(nn.Module):
    """An architecture of the transformers library over vectors: its blocks, positions and norms, without its words.

    Attention is torch's fused one where the architecture has it. What a pass does is tried once on two short rows.

    Args:
        owner: Who asks, for messages.
        architecture: The library's name of it: gpt2, llama, bert, modernbert and others.
        dim: Width of the vectors in and out.
        layers: Number of blocks.
        heads: Attention heads in each block, of keys and values too unless `settings` say otherwise.
        inner: Width of the feed-forward network; 4 times `dim` where it is not given.
        max_length: Positions.
        dropout: Probability everywhere that the architecture has one; some have it on attention weights alone.
        causal: Whether a position must read only what came before it, or must read both ways.
        settings: Others of the architecture's config, by the library's names.

    Raises:
        CompositionError: Where the library is not installed, for an unknown name or setting, a setting outside its
            range, and an architecture that is not as causal as asked, depends on padding, or reads no vectors.
    """

    def __init__(
        self,
        owner: str,
        architecture: str,
        *,
        dim: int,
        layers: int,
        heads: int,
        inner: int | None,
        max_length: int,
        dropout: float,
        causal: bool,
        settings: Mapping[str, Any],
    ):
        super().__init__()
        require_sizes(owner, layers=layers, **({} if inner is None else {"inner": inner}))
        require_heads(owner, dim, heads)
        require_dropout(owner, dropout)
        try:
            import transformers
        except ImportError:
            raise CompositionError(f"{owner} needs the transformers library; pip install 'ssrec[hf]'") from None
        self.name = f"{owner}: architecture={architecture}"
        known = list(transformers.CONFIG_MAPPING)
        require(architecture in known, f"{self.name} is none of the library's; {_closest(architecture, known)}")
        sizes = {"hidden_size": dim, "num_hidden_layers": layers, "num_attention_heads": heads}
        sizes |= {"max_position_embeddings": max_length}
        try:
            base = transformers.AutoConfig.for_model(architecture)
            own = self._own(base, sizes, inner, dropout, settings)
            config = transformers.AutoConfig.for_model(architecture, **own)
            made: Any = transformers.MODEL_MAPPING[type(config)]
            pools = "add_pooling_layer" in inspect.signature(made).parameters
            plain = {"add_pooling_layer": False} if pools else {}
            self.body: Any = transformers.AutoModel.from_config(config, **plain)
            self.body.set_input_embeddings(nn.Identity())  # a table of words, which nothing reads
            self.placed = "position_ids" in inspect.signature(self.body.forward).parameters
            self._try(dim, max_length, causal)
        except CompositionError:
            raise
        except Exception as error:  # of whatever type: each architecture checks its settings and inputs its own way
            reason = " ".join(str(error).split()) or type(error).__name__
            raise CompositionError(f"{self.name} does not take rows of item vectors so: {reason[:300]}") from None

    def _own(
        self, base: Any, sizes: Mapping[str, int], inner: int | None, dropout: float, settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The config's arguments, from the settings that it has by default."""
        named: dict[str, str] = base.attribute_map  # the library's common names, and the architecture's own
        defaults = base.to_dict()
        known = {*defaults, *named}
        for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"):
            require(key in known, f"{self.name} has no {key}: it is no transformer over one sequence of tokens")
        ours = {named.get(key, key): argument for key, argument in OWN.items()}
        for key in settings:
            require(key in known, f"{self.name} has no setting {key}; {_closest(key, known)}")
            argument = ours.get(named.get(key, key))
            require(argument is None, f"{self.name}: say {argument} and not settings.{key}")
        wide = [key for key in INNER if key in known][:1]
        require(bool(wide) or inner is None, f"{self.name} has no width of its feed-forward network; leave inner null")
        dim, heads = sizes["hidden_size"], sizes["num_attention_heads"]
        own: dict[str, Any] = {key: value for key, value in sizes.items() if key in known}
        own |= dict.fromkeys(wide, 4 * dim if inner is None else inner)
        own |= {k: dropout for k, v in defaults.items() if isinstance(v, float) and ("dropout" in k or "pdrop" in k)}
        also = {"num_key_value_heads": heads, "head_dim": dim // heads, "embedding_size": dim, "vocab_size": 1}
        also |= {"word_embed_proj_dim": dim, "use_cache": False}
        also |= dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))  # words, of which there is none
        return own | {key: value for key, value in also.items() if key in known} | dict(settings)

    def forward(self, x: Float[Tensor, "B T D"], real: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """One pass over right-aligned rows; positions count from a row's first real column."""
        real = F.pad(real[:, :-1], (0, 1), value=True)  # a row of padding alone attends to its last column
        where = {"position_ids": from_start(real)} if self.placed else {}
        return self.body(inputs_embeds=x, attention_mask=real.long(), **where).last_hidden_state

    @torch.no_grad()
    def _try(self, dim: int, max_length: int, causal: bool) -> None:
        """Refuse what a pass over rows of items must not do; nothing is drawn for it."""
        self.eval()
        length = min(4, max_length)
        pads = min(3, max_length - length)
        x = torch.arange(2 * length * dim).mul(0.7).sin().view(2, length, dim)
        real = torch.ones(2, length, dtype=torch.bool)
        plain, other = self(x, real), self(torch.cat([x[:, :-1], -x[:, -1:]], dim=1), real)
        wide = self(F.pad(x, (0, 0, pads, 0)), F.pad(real, (pads, 0)))[:, pads:]
        self.train()
        require(plain.shape == x.shape, f"{self.name} gives vectors of width {plain.shape[-1]} and not dim={dim}")
        before = torch.allclose(plain[:, :-1], other[:, :-1], rtol=0, atol=1e-6)  # experts add up in another order
        way = "what comes after it; model=hf_encoder takes it" if causal else "only its past; model=hf_decoder takes it"
        require(before == causal or length == 1, f"{self.name}: a position reads {way}")
        same = torch.allclose(plain, wide, rtol=1e-3, atol=1e-4)
        require(same, f"{self.name} gives a row other vectors where more padding stands before it")


def _closest(word: str, known: Iterable[str]) -> str:
    """A hint for a name that does not exist: those most like it."""
    found = difflib.get_close_matches(word, sorted(known), 3, 0.5)
    return f"did you mean {' or '.join(found)}?" if found else "see the library's documentation of that config"
