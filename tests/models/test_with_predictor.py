"""with_predictor against a loop over users and items, and what it wraps."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from ssrec.compose import wrapped_by
from ssrec.errors import CompositionError
from ssrec.models.graph import GraphEncoder
from ssrec.models.hccf import HCCF
from ssrec.models.lightgcn import LightGCN
from ssrec.models.mf import MF
from ssrec.models.ngcf import NGCF
from ssrec.models.with_predictor import PredictedEncoding, WithPredictor
from ssrec.train import checked, stages


@pytest.fixture
def batch(make_batch):
    return make_batch([[1], [2], [3]])


def made(corpus, encoder=LightGCN, **settings):
    torch.manual_seed(0)
    return WithPredictor(corpus, encoder=partial(encoder, **{"dim": 4, **settings})).eval()


@pytest.mark.parametrize("encoder", [LightGCN, MF, NGCF, HCCF])
def test_both_sides_predict_each_other(corpus, batch, encoder):
    model = made(corpus, encoder)
    x = model(batch)
    assert isinstance(x, PredictedEncoding)
    nodes, (weight, bias) = x.base.nodes.tolist(), (p.tolist() for p in model.predictor.parameters())

    def q(v):
        return [sum(w * a for w, a in zip(row, v, strict=True)) + b for row, b in zip(weight, bias, strict=True)]

    def dot(a, b):
        return sum(m * n for m, n in zip(a, b, strict=True))

    naive = [
        [
            dot(q(nodes[user]), nodes[corpus.user_rows + item]) + dot(nodes[user], q(nodes[corpus.user_rows + item]))
            for item in range(corpus.item_rows)
        ]
        for user in batch.user.tolist()
    ]
    assert_close(x.scores(), torch.tensor(naive))
    assert_close(x.users @ x.items.T, x.scores())
    assert torch.equal(x.user_vectors(), x.base.users) and torch.equal(x.item_vectors(), x.base.items)


@pytest.mark.parametrize(("readout", "width"), [("mean", 4), ("concat", 12)])
def test_the_predictor_is_as_wide_as_the_readout(corpus, batch, readout, width):
    model = made(corpus, layers=2, readout=readout)
    assert model.width == width and model.predictor.weight.shape == (width, width)
    assert model(batch).users.shape == (3, 2 * width)


def test_an_unknown_user_is_predicted_by_the_items_in_her_past(corpus, batch):
    model = made(corpus)
    x = model(replace(batch, user=torch.tensor([0, 2, 0])))
    own = torch.stack([x.base.items[1], x.base.nodes[2], x.base.items[3]])
    assert_close(x.users, torch.cat([model.predictor(own), own], dim=1))


def test_evaluation_propagates_once(corpus, batch):
    model = made(corpus)
    shared = model.shared()
    x = model(batch, shared)
    assert x.base.nodes is shared.nodes
    assert torch.equal(x.scores(), model(batch).scores())


def test_it_is_exact_under_autocast_and_trained_by_its_encoding(corpus, batch):
    model = made(corpus)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = model(batch)
        scores, predicted = x.scores(), x.predict(x.base.users)
    assert torch.equal(scores, model(batch).scores()) and predicted.dtype == torch.float32
    predicted.sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_what_it_wraps_is_a_graph_encoder(tiny):
    assert wrapped_by(WithPredictor) == {"encoder": GraphEncoder} and wrapped_by(LightGCN) == {}
    chosen = ["model=with_predictor", "objective=[bootstrap_graph]"]
    (stage,) = stages(tiny(*chosen, "model@model.encoder=mf"))
    assert checked(stage, starts=False)["model"]["encoder"]["_target_"] == "ssrec.models.mf.MF"
    for said, words in (
        ("model@model.encoder=sasrec", "SASRec"),
        ("model.encoder=mf", "mf"),
        ("~model.encoder", "None"),
    ):
        (stage,) = stages(tiny(*chosen, said))
        with pytest.raises(CompositionError, match=f"model.encoder is {words}, no GraphEncoder; .* lightgcn, mf, ngcf"):
            checked(stage, starts=False)


@pytest.mark.parametrize("objective", ["bpr", "edge_item"])
def test_an_objective_that_would_train_another_ranking_is_refused(tiny, objective):
    (stage,) = stages(tiny("model=with_predictor", f"objective=[{objective}]"))
    with pytest.raises(CompositionError, match="WithPredictor gives a PredictedEncoding"):
        checked(stage, starts=False)
