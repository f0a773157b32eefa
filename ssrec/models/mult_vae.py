"""Mult-VAE: a variational autoencoder of the set of items that a user has met."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.bag_linear import bag_product
from ssrec.batch import Batch, Corpus, Ragged
from ssrec.encodings.bag import VariationalEncoding
from ssrec.encodings.encoding import Lazy
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.sparse import bags


@final
class MultVAE(Encoder):
    """Variational autoencoder with a multinomial likelihood (Liang et al., WWW 2018, section 2).

    A bag is L2-normalised and stays sparse. The output's bias is the last column of the item vectors, and a one the
    last entry of a user's, so that a dot product ranks. In evaluation the latent vector is the posterior's mean.

    Args:
        corpus: The training split, for its sizes.
        hidden: Width of the layers between bag and latent vector.
        latent: Width of the latent vector.
        dropout: Probability that an item of a bag is left out of the input.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(self, corpus: Corpus, *, hidden: int = 600, latent: int = 200, dropout: float = 0.5):
        super().__init__(corpus)
        require(min(hidden, latent) > 0, f"mult_vae: hidden={hidden} and latent={latent} must be at least 1")
        require(0 <= dropout < 1, f"mult_vae: dropout={dropout} must be at least 0 and below 1")
        self.p = dropout
        self.item_rows = corpus.item_rows
        self.inputs = nn.Parameter(torch.empty(corpus.item_rows, hidden))
        self.input_bias = nn.Parameter(torch.zeros(hidden))
        self.posterior = nn.Linear(hidden, 2 * latent)
        self.widen = nn.Linear(latent, hidden)
        self.outputs = nn.Parameter(torch.zeros(corpus.item_rows, hidden + 1))  # [W, b]
        for matrix in (self.inputs, self.posterior.weight, self.widen.weight, self.outputs[:, :-1]):
            nn.init.xavier_uniform_(matrix.detach())
        for bias in (self.posterior.bias, self.widen.bias):
            nn.init.zeros_(bias)

    def forward(self, batch: Batch, shared: object = None) -> VariationalEncoding:
        bag = bags(batch.seen, self.item_rows, "mult_vae")
        return VariationalEncoding(batch, bag, Lazy(lambda: self.encode(bag)), self.decode, Lazy(lambda: self.outputs))

    def encode(self, bag: Ragged) -> tuple[Float[Tensor, "B Z"], Float[Tensor, "B Z"]]:
        """Mean and log variance of the latent vector."""
        p = self.p if self.training else 0.0
        h = torch.tanh(bag_product(self.inputs, bag, p=p, normalise=True) + self.input_bias)
        mean, log_variance = self.posterior(h).chunk(2, dim=-1)
        return mean, log_variance

    def decode(self, mean: Float[Tensor, "B Z"], log_variance: Float[Tensor, "B Z"]) -> Float[Tensor, "B D"]:
        """Users' vectors from a draw of the posterior in training, from its mean in evaluation."""
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp() if self.training else mean
        h = torch.tanh(self.widen(z))
        return torch.cat([h, torch.ones_like(h[:, :1])], dim=-1)
