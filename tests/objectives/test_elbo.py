"""elbo against a loop over bags."""

import math

import pytest
import torch
from torch import nn

from ssrec.batch import Batch
from ssrec.encodings.bag import VariationalEncoding
from ssrec.encodings.encoding import Lazy
from ssrec.errors import CompositionError
from ssrec.models.encoder import Encoder
from ssrec.objectives.elbo import ELBO


class Autoencoder(Encoder):
    """A posterior and an output table per row, without a network in between."""

    def __init__(self, corpus):
        super().__init__(corpus)
        self.mean = nn.Parameter(torch.randn(corpus.user_rows, 2))
        self.log_variance = nn.Parameter(torch.randn(corpus.user_rows, 2))
        self.out = nn.Parameter(torch.randn(corpus.item_rows, 3))  # two columns of weights and one of biases

    def forward(self, batch: Batch, shared: object = None) -> VariationalEncoding:
        posterior = Lazy(lambda: (self.mean[batch.user], self.log_variance[batch.user]))

        def decode(mean, log_variance):
            return torch.cat([mean, torch.ones(len(mean), 1)], dim=1)

        return VariationalEncoding(batch, batch.seen, posterior, decode, Lazy(lambda: self.out))


@pytest.fixture
def histories(corpus):
    user = torch.tensor([2, 1, 3])
    nothing = user.new_zeros(3, 0)
    return Batch(torch.arange(3), user, nothing, nothing, seen=corpus.history.select(user), kind="history")


@pytest.fixture
def encoder(corpus):
    torch.manual_seed(0)
    return Autoencoder(corpus)


def test_parts_equal_the_loop(corpus, histories, encoder):
    parts = ELBO(encoder, corpus, beta=0.2, anneal_steps=0)(encoder(histories))
    bags = [[4, 5, 6, 7], [1, 2, 3], [5]]
    likelihood = divergence = 0.0
    for user, bag in zip([2, 1, 3], bags, strict=True):
        hidden = [*encoder.mean[user].tolist(), 1.0]
        scores = [sum(a * b for a, b in zip(hidden, row, strict=True)) for row in encoder.out.tolist()]
        mass = sum(math.exp(s) for s in scores[1:])  # row 0 is padding
        likelihood += sum(math.log(math.exp(scores[i]) / mass) for i in bag)
        for m, v in zip(encoder.mean[user].tolist(), encoder.log_variance[user].tolist(), strict=True):
            divergence += 0.5 * (math.exp(v) + m * m - 1 - v)
    assert list(parts) == ["reconstruction", "kl"]
    assert parts["reconstruction"].item() == pytest.approx(-likelihood / 3, rel=1e-5)
    assert parts["kl"].item() == pytest.approx(0.2 * divergence / 3, rel=1e-5)
    sum(parts.values()).backward()
    assert all(p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_beta_grows_linearly_and_stays(corpus, histories, encoder):
    objective = ELBO(encoder, corpus, beta=0.4, anneal_steps=4)
    full = ELBO(encoder, corpus, beta=1.0, anneal_steps=0)(encoder(histories))["kl"]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0, 1.0):
        torch.testing.assert_close(objective(encoder(histories))["kl"], 0.4 * share * full)
        objective.after_step(encoder)


def test_annealing_resumes(corpus, histories, encoder):
    stopped = ELBO(encoder, corpus, anneal_steps=10)
    for _ in range(6):
        stopped.after_step(encoder)
    resumed = ELBO(encoder, corpus, anneal_steps=10)
    resumed.load_state_dict(stopped.state_dict())
    torch.testing.assert_close(resumed(encoder(histories)), stopped(encoder(histories)))
    assert resumed(encoder(histories))["kl"] > 0


def test_no_rows_cost_nothing(corpus, histories, encoder):
    none = Batch(histories.rows[:0], histories.user[:0], histories.items[:0], histories.target[:0],
                 seen=corpus.history.select(histories.user[:0]), kind="history")  # fmt: skip
    total = sum(ELBO(encoder, corpus, anneal_steps=0)(encoder(none)).values())
    total.backward()
    assert total == 0


def test_settings_outside_their_range_are_refused(corpus, encoder):
    with pytest.raises(CompositionError, match="beta=-1"):
        ELBO(encoder, corpus, beta=-1.0)
    with pytest.raises(CompositionError, match="anneal_steps=-1"):
        ELBO(encoder, corpus, anneal_steps=-1)
