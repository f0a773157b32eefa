"""RecVAE: a variational autoencoder of a user's items with a deep encoder and a linear decoder."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.bag_linear import bag_product
from ssrec.batch import Batch, Corpus, Ragged
from ssrec.encodings.bag import VariationalEncoding
from ssrec.encodings.encoding import Lazy
from ssrec.models.encoder import Encoder
from ssrec.nn import require_dropout, require_sizes
from ssrec.sparse import bags

EPS = 0.1  # of the layer norms, as the authors' code has it


@final
class RecVAE(Encoder):
    """The networks of RecVAE (Shenbin et al., WSDM 2020, section 3).

    Every layer of the encoder reads the sum of all before it: `h_l = norm(swish(W h_{l-1} + sum_{k<l} h_k))`. The
    decoder is one product. A bag is L2-normalised and stays sparse, the output's bias is the last column of the item
    vectors, and in evaluation the latent vector is the posterior's mean.

    Args:
        corpus: The training split, for its sizes.
        hidden: Width of the encoder's layers.
        latent: Width of the latent vector.
        layers: Of the encoder before the posterior, the first from the bag among them.
        dropout: Probability that an item of a bag is left out of the input while the encoder is trained; where its
            first layer is frozen, as in a phase of the decoder, nothing is left out.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(self, corpus: Corpus, *, hidden: int = 600, latent: int = 200, layers: int = 5, dropout: float = 0.5):
        super().__init__(corpus)
        require_sizes("recvae", hidden=hidden, latent=latent, layers=layers)
        require_dropout("recvae", dropout)
        self.p = dropout
        self.item_rows = corpus.item_rows
        self.inputs = nn.Parameter(torch.empty(corpus.item_rows, hidden))
        self.input_bias = nn.Parameter(torch.zeros(hidden))
        self.inner = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 1))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden, eps=EPS) for _ in range(layers))
        self.posterior = nn.Linear(hidden, 2 * latent)
        self.outputs = nn.Parameter(torch.zeros(corpus.item_rows, latent + 1))  # [W, b]
        for matrix in (self.inputs, self.outputs[:, :-1]):
            nn.init.xavier_uniform_(matrix.detach())

    def forward(self, batch: Batch, shared: object = None) -> VariationalEncoding:
        bag = bags(batch.seen, self.item_rows, "recvae")
        return VariationalEncoding(batch, bag, Lazy(lambda: self.encode(bag)), self.decode, Lazy(lambda: self.outputs))

    def encode(self, bag: Ragged) -> tuple[Float[Tensor, "B Z"], Float[Tensor, "B Z"]]:
        """Mean and log variance of the latent vector."""
        p = self.p if self.training and self.inputs.requires_grad else 0.0
        first, *others = self.norms
        total = h = first(F.silu(bag_product(self.inputs, bag, p=p, normalise=True) + self.input_bias))
        for layer, norm in zip(self.inner, others, strict=True):
            h = norm(F.silu(layer(h) + total))
            total = total + h
        mean, log_variance = self.posterior(h).chunk(2, dim=-1)
        return mean, log_variance

    def decode(self, mean: Float[Tensor, "B Z"], log_variance: Float[Tensor, "B Z"]) -> Float[Tensor, "B D"]:
        """Users' vectors: a draw of the posterior in training, its mean in evaluation, and a one."""
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp() if self.training else mean
        return torch.cat([z, torch.ones_like(z[:, :1])], dim=-1)
