"""RecVAE against dense products and the layers one by one, and its phases."""

from dataclasses import replace

import pytest
import torch

from ssrec.encodings.bag import VariationalEncoding
from ssrec.errors import CompositionError
from ssrec.models.recvae import RecVAE
from ssrec.runs import read
from ssrec.train import train

PASTS = [[1, 2, 2], [5], [], [8, 3, 1]]


def build(corpus, **settings):
    torch.manual_seed(0)
    model = RecVAE(corpus, hidden=8, latent=4, **settings)
    torch.nn.init.normal_(model.outputs)
    torch.nn.init.normal_(model.input_bias)
    return model


def swish(x):
    return x * torch.sigmoid(x)


def normed(x, norm):
    centred = x - x.mean(1, keepdim=True)
    return centred / (centred.square().mean(1, keepdim=True) + 0.1).sqrt() * norm.weight + norm.bias


def test_evaluation_is_the_dense_formula(corpus, make_batch):
    model = build(corpus, layers=4).eval()
    encoding = model(make_batch(PASTS))
    assert isinstance(encoding, VariationalEncoding)
    x = torch.zeros(4, 10)
    for row, past in enumerate(PASTS):
        x[row, past] = 1
    x = x / x.norm(dim=1, keepdim=True).clamp(min=1)
    hidden = [normed(swish(x @ model.inputs + model.input_bias), model.norms[0])]
    for layer, norm in zip(model.inner, list(model.norms)[1:], strict=True):
        hidden.append(normed(swish(layer(hidden[-1]) + torch.stack(hidden).sum(0)), norm))
    assert len(hidden) == 4
    mean, log_variance = model.posterior(hidden[-1])[:, :4], model.posterior(hidden[-1])[:, 4:]
    torch.testing.assert_close(encoding.posterior, (mean, log_variance))
    torch.testing.assert_close(encoding.scores(), mean @ model.outputs[:, :-1].T + model.outputs[:, -1])


def test_training_draws_around_the_mean(corpus):
    model = build(corpus).train()
    mean, log_variance = torch.full((10000, 4), 0.5), torch.full((10000, 4), 0.01).log()
    users = model.decode(mean, log_variance)
    assert torch.equal(users[:, -1], torch.ones(10000))
    torch.testing.assert_close(users[:, :-1].mean(0), torch.full((4,), 0.5), atol=0.005, rtol=0)
    torch.testing.assert_close(users[:, :-1].std(0), torch.full((4,), 0.1), atol=0.005, rtol=0)


def test_items_are_left_out_only_while_the_encoder_is_trained(corpus, make_batch):
    model, batch = build(corpus).train(), make_batch(PASTS)
    whole = model.eval()(batch).posterior[0]
    model.train()
    assert not torch.equal(model(batch).posterior[0], whole)
    model.inputs.requires_grad_(False)
    torch.testing.assert_close(model(batch).posterior[0], whole)


def test_the_recipe_trains_encoder_and_decoder_in_turn(tiny):
    """After three epochs of the first phase the outputs are those of the start; the fourth moves nothing else."""
    from safetensors.torch import load_file

    small = ["model.hidden=16", "model.latent=8", "trainer.val_every=1", "select=last", "metric=[ndcg]", "seed=3"]
    found = {}
    for epochs in (1, 3, 4):
        folder = train(tiny("recipe=recvae", *small, f"trainer.max_epochs={epochs}"))
        assert read(folder)["epochs"] == epochs
        found[epochs] = load_file(folder / "encoder.safetensors")
    moved = {(a, b): {n for n in found[a] if not torch.equal(found[a][n], found[b][n])} for a, b in ((1, 3), (3, 4))}
    assert moved[3, 4] == {"outputs"}
    assert moved[1, 3] == set(found[1]) - {"outputs"}


def test_what_cannot_work_is_refused(corpus, make_batch):
    with pytest.raises(CompositionError, match="recvae reads each row's full past"):
        build(corpus)(replace(make_batch(PASTS), seen=None))
    for name, value in {"dropout": 1.0, "latent": 0, "layers": 0}.items():
        with pytest.raises(CompositionError, match=f"{name}={value}"):
            RecVAE(corpus, **{name: value})
