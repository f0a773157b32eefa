"""The evidence lower bound of a variational autoencoder over bags of items."""

from typing import final

import torch
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.bag import VariationalEncoding
from ssrec.likelihoods import multinomial
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective


@final
class ELBO(Objective[VariationalEncoding]):
    """Multinomial likelihood and annealed KL divergence of Mult-VAE (Liang et al., WWW 2018, eqs. 2 and 5).

    Parts, each a mean over rows: reconstruction, `-sum_{i in bag} log softmax(scores)_i`; kl, beta times the divergence
    of the posterior from N(0, 1). beta grows linearly from 0 over `anneal_steps` optimizer steps; 0 starts at `beta`.
    """

    rows = ("history",)

    def __init__(self, encoder: Encoder, corpus: Corpus, *, beta: float = 0.2, anneal_steps: int = 200_000):
        super().__init__(encoder, corpus)
        require(beta >= 0, f"elbo: beta={beta} must not be negative")
        require(anneal_steps >= 0, f"elbo: anneal_steps={anneal_steps} must not be negative")
        self.beta = beta
        self.anneal_steps = anneal_steps
        self.register_buffer("step", torch.zeros((), dtype=torch.long))  # a buffer: a resumed run goes on annealing
        self.step: Tensor

    def after_step(self, encoder: Encoder) -> None:
        self.step += 1

    def forward(self, x: VariationalEncoding) -> dict[str, Tensor]:
        missed = multinomial(x.users, x.items, x.bag)
        mean, log_variance = (p.float() for p in x.posterior)
        divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum()
        beta = self.beta * (self.step / max(self.anneal_steps, 1)).clamp(max=1) if self.anneal_steps else self.beta
        return {
            "reconstruction": global_mean(missed, len(x.bag)),
            "kl": global_mean(beta * divergence, len(x.bag)),
        }
