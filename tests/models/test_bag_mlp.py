"""bag_mlp against dense products of the bag, with and without noise."""

from dataclasses import replace

import pytest
import torch

from ssrec.encodings.bag import BagEncoding
from ssrec.errors import CompositionError
from ssrec.models.bag_mlp import BagMLP

PASTS = [[1, 2, 2], [5], [], [8, 3, 1]]


def build(corpus, **settings):
    torch.manual_seed(0)
    return BagMLP(corpus, **{"widths": [8, 4], **settings})


def with_biases(model):
    """Weights that start at zero would hide whether they count."""
    torch.manual_seed(1)
    for parameter in (model.outputs, model.first.bias, *(layer.bias for layer in model.inner)):
        torch.nn.init.normal_(parameter)
    return model


def dense():
    x = torch.zeros(4, 10)
    for row, past in enumerate(PASTS):
        x[row, past] = 1
    return x


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_scores_are_the_dense_formula(corpus, make_batch, activation):
    model = with_biases(build(corpus, activation=activation))
    act = getattr(torch, activation)
    (second,) = model.inner
    hidden = act(act(dense() @ model.first.weight + model.first.bias) @ second.weight.T + second.bias)
    encoding = model(make_batch(PASTS))
    assert isinstance(encoding, BagEncoding)
    assert encoding.bag.values.tolist() == [1, 2, 5, 1, 3, 8], "a repeat counts once"
    torch.testing.assert_close(encoding.scores(), hidden @ model.outputs[:, :-1].T + model.outputs[:, -1])


def test_mult_dae_is_one_layer_over_a_normalised_input(corpus, make_batch):
    model = with_biases(build(corpus, widths=[8], activation="tanh", normalise=True, dropout=0.5)).eval()
    x = dense() / dense().norm(dim=1, keepdim=True).clamp(min=1)
    hidden = torch.tanh(x @ model.first.weight + model.first.bias)
    expected = hidden @ model.outputs[:, :-1].T + model.outputs[:, -1]
    torch.testing.assert_close(model(make_batch(PASTS)).scores(), expected)


def test_dropout_leaves_out_items_of_the_input_in_training_alone(corpus, make_batch):
    model = with_biases(build(corpus, widths=[8], activation="tanh", normalise=True, dropout=0.5))
    batch = make_batch([[1]] * 400)
    ways = torch.stack([torch.tanh(x + model.first.bias) for x in (2 * model.first.weight[1], torch.zeros(8))])
    nearest = torch.cdist(model.train()(batch).users[:, :-1], ways)
    assert nearest.min(1).values.max() < 1e-3
    assert 140 < int((nearest.argmin(1) == 0).sum()) < 260
    assert len(model(batch).bag.values) == 400, "labels lose nothing"
    model.eval()
    assert torch.equal(model(batch).users[0], model(batch).users[1])


def test_noise_is_added_in_training_and_is_its_mean_in_evaluation(corpus, make_batch):
    settings = {"widths": [5], "activation": "sigmoid"}
    model, without = build(corpus, **settings, noise=3), build(corpus, **settings)
    batch = make_batch(PASTS)
    assert torch.equal(model.eval()(batch).scores(), without.eval()(batch).scores()), "the same network, noise aside"
    torch.manual_seed(1)
    users = model.train()(batch).users
    torch.manual_seed(1)
    entered = without.users(without(batch).bag)[:, :-1].logit() + torch.randn(4, 3) @ model.from_noise.weight.T
    torch.testing.assert_close(users[:, :-1], entered.sigmoid())


@pytest.mark.parametrize("noise", [0, 2])
def test_gradients_reach_all_parameters(corpus, make_batch, noise):
    model = build(corpus, activation="tanh", noise=noise)
    model(make_batch(PASTS)).scores()[:, 1:].sigmoid().square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_what_cannot_work_is_refused(corpus, make_batch):
    with pytest.raises(CompositionError, match="bag_mlp reads each row's full past"):
        build(corpus)(replace(make_batch(PASTS), seen=None))
    wrong = [{"widths": []}, {"widths": [4, 0]}, {"dropout": 1.0}, {"noise": -1}]
    for settings in wrong:
        with pytest.raises(CompositionError, match=f"bag_mlp: {next(iter(settings))}="):
            build(corpus, **settings)
