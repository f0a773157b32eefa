"""Mult-VAE against dense products of the normalised bag."""

from dataclasses import replace

import pytest
import torch

from ssrec.encodings.bag import VariationalEncoding
from ssrec.errors import CompositionError
from ssrec.models.mult_vae import MultVAE

PASTS = [[1, 2, 2], [5], [], [8, 3, 1]]


def build(corpus, **settings):
    torch.manual_seed(0)
    return MultVAE(corpus, hidden=8, latent=4, **settings)


def test_evaluation_is_the_dense_formula(corpus, make_batch):
    model = build(corpus).eval()
    torch.nn.init.normal_(model.outputs)
    torch.nn.init.normal_(model.input_bias)
    encoding = model(make_batch(PASTS))
    assert isinstance(encoding, VariationalEncoding)
    x = torch.zeros(4, 10)
    for row, past in enumerate(PASTS):
        x[row, past] = 1
    x = x / x.norm(dim=1, keepdim=True).clamp(min=1)
    h = torch.tanh(x @ model.inputs + model.input_bias)
    mean, log_variance = model.posterior(h)[:, :4], model.posterior(h)[:, 4:]
    torch.testing.assert_close(encoding.posterior, (mean, log_variance))
    hidden = torch.tanh(model.widen(mean))
    expected = hidden @ model.outputs[:, :-1].T + model.outputs[:, -1]
    torch.testing.assert_close(encoding.scores(), expected)


def test_the_bag_is_sparse_and_counts_repeats_once(corpus, make_batch):
    bag = build(corpus)(make_batch(PASTS)).bag
    assert bag.values.tolist() == [1, 2, 5, 1, 3, 8]
    assert bag.offsets.tolist() == [0, 2, 3, 3, 6]


def test_training_draws_around_the_mean(corpus, make_batch):
    model = build(corpus, dropout=0.0).train()
    with torch.no_grad():
        model.posterior.weight.zero_()
        model.posterior.bias[:4] = 0.5
        model.posterior.bias[4:] = torch.tensor(0.01).log()  # a deviation of .1
    mean, log_variance = (part.repeat(2500, 1) for part in model(make_batch(PASTS)).posterior)
    model.widen = torch.nn.Linear(4, 4)
    with torch.no_grad():
        model.widen.weight.copy_(torch.eye(4))
        model.widen.bias.zero_()
    users = model.decode(mean, log_variance)
    assert torch.equal(users[:, -1], torch.ones(10000))
    z = torch.atanh(users[:, :-1])
    torch.testing.assert_close(z.mean(0), torch.full((4,), 0.5), atol=0.005, rtol=0)
    torch.testing.assert_close(z.std(0), torch.full((4,), 0.1), atol=0.005, rtol=0)


def test_dropout_leaves_out_items_of_the_input(corpus, make_batch):
    model = build(corpus, dropout=0.5).train()
    batch = make_batch([[1]] * 400)
    means = model(batch).posterior[0]
    kept = torch.tanh(2 * model.inputs[1] + model.input_bias)
    rows = torch.stack([model.posterior(h)[:4] for h in (kept, torch.tanh(model.input_bias))])
    nearest = torch.cdist(means, rows)
    assert nearest.min(1).values.max() < 1e-5
    assert 140 < int((nearest.argmin(1) == 0).sum()) < 260


def test_gradients_reach_all_parameters_and_a_row_does_not_depend_on_others(corpus, make_batch):
    model = build(corpus)
    encoding = model(make_batch(PASTS))
    (encoding.users @ encoding.items.T).log_softmax(-1)[:, 1:].square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name
    model.eval()
    torch.testing.assert_close(model(make_batch(PASTS)).users[3:], model(make_batch(PASTS[3:])).users)


def test_same_seed_same_output(corpus, make_batch):
    first, second = (build(corpus)(make_batch(PASTS)).users for _ in range(2))
    assert torch.equal(first, second)


def test_a_batch_without_its_full_past_is_refused(corpus, make_batch):
    with pytest.raises(CompositionError, match="mult_vae reads each row's full past"):
        build(corpus)(replace(make_batch(PASTS), seen=None))


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="dropout=1"):
        MultVAE(corpus, dropout=1.0)
    with pytest.raises(CompositionError, match="latent=0"):
        MultVAE(corpus, latent=0)
