"""The evidence lower bound of RecVAE: a composite prior that remembers the encoder, and a weight for each user."""

from math import log
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.bag import VariationalEncoding
from ssrec.likelihoods import multinomial
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require, require_sizes
from ssrec.objectives.objective import Objective
from ssrec.pretext.teacher import Frozen

WIDE = 10.0  # log variance of the prior's widest part


def log_normal(
    z: Float[Tensor, "B Z"], mean: Float[Tensor, "B Z"], log_variance: Float[Tensor, "B Z"]
) -> Float[Tensor, "B Z"]:
    """The log density of N(mean, exp(log_variance)) at z, for each dimension."""
    return -0.5 * (log_variance + log(2 * torch.pi) + (z - mean).square() / log_variance.exp())


@final
class CompositeELBO(Objective[VariationalEncoding]):
    """Multinomial likelihood and rescaled KL divergence of RecVAE (Shenbin et al., WSDM 2020, section 3).

    Parts, each a mean over rows: reconstruction, `-sum_{i in bag} log softmax(scores)_i`; kl, `gamma |bag|` times
    `log q(z | bag) - log p(z | bag)` at one draw z of the posterior q. The prior p mixes, in each dimension, N(0, 1),
    the posterior of an earlier copy of the encoder without dropout, and N(0, e^10). z is another draw than the one
    that is decoded, so that the parts' expectations are the paper's and no more.

    Args:
        gamma: The weight of a row's divergence, over the items of its bag.
        standard, earlier, wide: The mixture weights, which add up to 1.
        refresh: Epochs between two copies of the encoder; with phases, those of one round.

    Raises:
        CompositionError: For a setting outside its range.
    """

    rows = ("history",)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        gamma: float = 0.005,
        standard: float = 0.15,
        earlier: float = 0.75,
        wide: float = 0.1,
        refresh: int = 1,
    ):
        super().__init__(encoder, corpus)
        require(gamma >= 0, f"composite_elbo: gamma={gamma} must not be negative")
        mixture = {"standard": standard, "earlier": earlier, "wide": wide}
        for name, value in mixture.items():
            require(value >= 0, f"composite_elbo: {name}={value} must not be negative")
        total = sum(mixture.values())
        require(abs(total - 1) < 1e-6, f"composite_elbo: {' + '.join(mixture)} is {total:g} and must be 1")
        require_sizes("composite_elbo", refresh=refresh)
        self.gamma = gamma
        self.refresh = refresh
        self.register_buffer("mixture", torch.tensor(list(mixture.values())), persistent=False)
        self.register_buffer("epoch", torch.zeros((), dtype=torch.long))  # a buffer: a resumed run goes on counting
        self.mixture: Tensor
        self.epoch: Tensor
        self.before = Frozen(encoder)

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        if self.epoch % self.refresh == 0:
            self.before.copy(encoder)
        self.epoch += 1

    def forward(self, x: VariationalEncoding) -> dict[str, Tensor]:
        missed = multinomial(x.users, x.items, x.bag)
        weighed = (self.divergence(x).sum(1) * x.bag.lengths).sum()
        return {
            "reconstruction": global_mean(missed, len(x.bag)),
            "kl": global_mean(self.gamma * weighed, len(x.bag)),
        }

    def divergence(self, x: VariationalEncoding) -> Float[Tensor, "B Z"]:
        """`log q - log p` at a draw of q, for each dimension."""
        mean, log_variance = (p.float() for p in x.posterior)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        then = [p.float() for p in self.before(x.batch).posterior]
        zero = torch.zeros_like(z)
        parts = torch.stack([log_normal(z, zero, zero), log_normal(z, *then), log_normal(z, zero, zero + WIDE)])
        return log_normal(z, mean, log_variance) - (parts + self.mixture.log()[:, None, None]).logsumexp(0)
