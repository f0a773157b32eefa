"""composite_elbo against a loop over bags and dimensions."""

import math

import pytest
import torch
from torch import nn

from ssrec.batch import Batch
from ssrec.encodings.bag import VariationalEncoding
from ssrec.encodings.encoding import Lazy
from ssrec.errors import CompositionError
from ssrec.models.encoder import Encoder
from ssrec.objectives.composite_elbo import CompositeELBO


class Autoencoder(Encoder):
    """A posterior per row and an output table, without a network in between; it decodes the mean."""

    def __init__(self, corpus):
        super().__init__(corpus)
        self.mean = nn.Parameter(torch.randn(corpus.user_rows, 2))
        self.log_variance = nn.Parameter(torch.randn(corpus.user_rows, 2))
        self.out = nn.Parameter(torch.randn(corpus.item_rows, 3))

    def forward(self, batch: Batch, shared: object = None) -> VariationalEncoding:
        posterior = Lazy(lambda: (self.mean[batch.user], self.log_variance[batch.user]))

        def decode(mean, log_variance):
            return torch.cat([mean, torch.ones(len(mean), 1)], dim=1)

        return VariationalEncoding(batch, batch.seen, posterior, decode, Lazy(lambda: self.out))


USERS, BAGS = [2, 1, 3], [[4, 5, 6, 7], [1, 2, 3], [5]]


@pytest.fixture
def histories(corpus):
    user = torch.tensor(USERS)
    nothing = user.new_zeros(3, 0)
    return Batch(torch.arange(3), user, nothing, nothing, seen=corpus.history.select(user), kind="history")


@pytest.fixture
def encoder(corpus):
    torch.manual_seed(0)
    return Autoencoder(corpus)


def density(z, mean, log_variance):
    return math.exp(-((z - mean) ** 2) / (2 * math.exp(log_variance))) / math.sqrt(2 * math.pi * math.exp(log_variance))


def test_parts_equal_the_loop(corpus, histories, encoder):
    objective = CompositeELBO(encoder, corpus, gamma=0.1, standard=0.2, earlier=0.7, wide=0.1)
    then = encoder.mean.tolist(), encoder.log_variance.tolist()
    with torch.no_grad():
        encoder.mean += 0.5
        encoder.log_variance -= 0.3
    torch.manual_seed(7)
    parts = objective(encoder(histories))
    torch.manual_seed(7)
    draws = torch.randn(3, 2).tolist()
    likelihood = divergence = 0.0
    for user, bag, draw in zip(USERS, BAGS, draws, strict=True):
        hidden = [*encoder.mean[user].tolist(), 1.0]
        scores = [sum(a * b for a, b in zip(hidden, row, strict=True)) for row in encoder.out.tolist()]
        mass = sum(math.exp(s) for s in scores[1:])  # row 0 is padding
        likelihood += sum(math.log(math.exp(scores[i]) / mass) for i in bag)
        for d in range(2):
            mean, log_variance = encoder.mean[user, d].item(), encoder.log_variance[user, d].item()
            z = mean + draw[d] * math.exp(log_variance / 2)
            prior = 0.2 * density(z, 0, 0) + 0.7 * density(z, then[0][user][d], then[1][user][d])
            prior += 0.1 * density(z, 0, 10)
            divergence += len(bag) * (math.log(density(z, mean, log_variance)) - math.log(prior))
    assert list(parts) == ["reconstruction", "kl"]
    assert parts["reconstruction"].item() == pytest.approx(-likelihood / 3, rel=1e-5)
    assert parts["kl"].item() == pytest.approx(0.1 * divergence / 3, rel=1e-4)
    sum(parts.values()).backward()
    assert all(p.grad.abs().sum() > 0 for p in encoder.parameters())
    assert not list(objective.parameters())


def test_with_the_normal_part_alone_it_is_the_divergence_in_closed_form(corpus, histories, encoder):
    objective = CompositeELBO(encoder, corpus, standard=1.0, earlier=0.0, wide=0.0)
    x = encoder(histories)
    with torch.no_grad():
        drawn = torch.stack([objective.divergence(x).sum(1) for _ in range(4000)])
    mean, log_variance = x.posterior
    exact = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)
    assert ((drawn.mean(0) - exact).abs() < 4 * drawn.std(0) / len(drawn) ** 0.5).all()
    objective.divergence(x).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


def test_the_earlier_encoder_is_copied_once_in_so_many_epochs_and_resumed(corpus, encoder):
    objective = CompositeELBO(encoder, corpus, refresh=3)
    seen = []
    for epoch in range(7):
        with torch.no_grad():
            encoder.mean.fill_(float(epoch))
        if epoch == 5:  # stopped and resumed
            stored, objective = objective.state_dict(), CompositeELBO(encoder, corpus, refresh=3)
            objective.load_state_dict(stored)
        objective.before_epoch(encoder, corpus)
        seen.append(objective.before.module.mean[0, 0].item())
    assert seen == [0, 0, 0, 3, 3, 3, 6]


def test_no_rows_cost_nothing(corpus, histories, encoder):
    total = sum(CompositeELBO(encoder, corpus)(encoder(histories.select(torch.arange(0)))).values())
    total.backward()
    assert total == 0


def test_settings_outside_their_range_are_refused(corpus, encoder):
    for name, value in {"gamma": -1.0, "wide": -0.1, "refresh": 0}.items():
        with pytest.raises(CompositionError, match=f"{name}={value}"):
            CompositeELBO(encoder, corpus, **{name: value})
    with pytest.raises(CompositionError, match=r"standard \+ earlier \+ wide is 0.85 and must be 1"):
        CompositeELBO(encoder, corpus, standard=0.0)
