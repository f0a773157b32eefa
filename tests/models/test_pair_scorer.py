"""pair_scorer against dense products of behaviour vectors and features."""

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from ssrec.batch import Ragged
from ssrec.errors import CompositionError
from ssrec.interactions import MLP, Additive, Dot
from ssrec.models.pair_scorer import PairScorer
from ssrec.models.table import AttributeSource, IdSource, Table
from ssrec.runs import read
from ssrec.train import train

PASTS = [[1, 2, 2], [5], [], [8, 3, 1]]
SOURCES = {
    "content": {"attribute": AttributeSource},
    "collaborative": {"id": IdSource},
    "hybrid": {"id": IdSource, "attribute": AttributeSource},
}
KINDS = {"additive": Additive, "dot": lambda: Dot(6), "mlp": lambda: MLP([6, 4])}
every_kind = pytest.mark.parametrize("kind", KINDS)


def build(corpus, kind, sources="hybrid", dropout=0.0, **settings):
    torch.manual_seed(0)
    table = partial(Table, sources=SOURCES[sources], dropout=dropout)
    model = PairScorer(corpus, interaction=KINDS[kind](), table=table, **settings)
    torch.nn.init.normal_(model.inputs.bias)
    return model


def dense():
    x = torch.zeros(4, 10)
    for row, past in enumerate(PASTS):
        x[row, past] = 1
    return x


@every_kind
@pytest.mark.parametrize("sources", SOURCES)
def test_scores_are_those_of_the_dense_formula(corpus, make_batch, kind, sources):
    model = build(corpus, kind, sources)
    content = corpus.item_features["attributes"].multi_hot()
    features = {"id": torch.eye(11)[:10], "attribute": content / content.sum(1, keepdim=True).clamp(min=1)}
    maps = {"id": lambda s: s.embedding.weight[:10], "attribute": lambda s: features["attribute"] @ s.bag.weight}
    items = sum(maps[name](source) for name, source in model.table.sources.items())
    users = dense() @ model.inputs.weight + model.inputs.bias
    if kind == "additive":
        expected = users + items.T
    elif kind == "dot":
        expected = users @ items.T
    else:
        h = (users[:, None] + items).relu()
        for layer in model.interaction.layers:
            h = layer(h) if layer is model.interaction.layers[-1] else layer(h).relu()
        expected = h.squeeze(-1)
    x = model(make_batch(PASTS))
    torch.testing.assert_close(x.scores(), expected)
    rows, ids = torch.tensor([3, 0, 3]), torch.tensor([[1, 9], [2, 2], [4, 7]])
    torch.testing.assert_close(x.logits(rows, ids), expected[rows[:, None], ids])


@every_kind
def test_a_view_reads_another_bag(corpus, make_batch, kind):
    model = build(corpus, kind)
    x, other = model(make_batch(PASTS)), model(make_batch([[4], [], [2, 6], [3]]))
    torch.testing.assert_close(x.view(other.bag).scores(), other.scores())
    assert x.view(other.bag).batch is x.batch


@every_kind
def test_gradients_reach_all_parameters(corpus, make_batch, kind):
    model = build(corpus, kind)
    F.softplus(model(make_batch(PASTS)).scores()).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


@every_kind
def test_scores_stay_in_single_precision_under_autocast(corpus, make_batch, kind):
    model = build(corpus, kind).eval()
    x = model(make_batch(PASTS))
    with torch.autocast("cpu", torch.bfloat16):
        scores = x.scores()
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, x.scores(), rtol=0, atol=0)


def test_what_a_pass_draws_serves_all_logits_of_its_table(corpus, make_batch):
    x = build(corpus, "dot", dropout=0.5)(make_batch(PASTS))
    rows = torch.arange(4)
    torch.testing.assert_close(x.logits(rows, torch.arange(10).expand(4, -1)), x.scores())


def test_an_item_table_computed_before_is_used(corpus, make_batch):
    model = build(corpus, "dot").eval()
    torch.testing.assert_close(model(make_batch(PASTS), model.shared()).scores(), model(make_batch(PASTS)).scores())
    assert not model(make_batch(PASTS), torch.zeros(10, 6)).scores().any()


def test_one_number_is_no_vector(corpus, make_batch):
    additive, dot = (build(corpus, kind)(make_batch(PASTS)) for kind in ("additive", "dot"))
    assert additive.item_vectors() is None and additive.user_vectors() is None
    assert dot.item_vectors().shape == (10, 6) and dot.user_vectors().shape == (4, 6)


def test_a_batch_without_its_full_past_and_a_dropout_of_one_are_refused(corpus, make_batch):
    with pytest.raises(CompositionError, match="pair_scorer reads each row's full past"):
        build(corpus, "dot")(replace(make_batch(PASTS), seen=None))
    with pytest.raises(CompositionError, match="pair_scorer: dropout=1"):
        build(corpus, "dot").__class__(corpus, interaction=Dot(), table=partial(Table, sources=SOURCES["content"]),
                                       dropout=1.0)  # fmt: skip


def test_an_empty_batch_has_no_logits(corpus, make_batch):
    model = build(corpus, "dot")
    x = model(make_batch([]))
    assert x.scores().shape == (0, 10)
    assert x.view(Ragged(torch.empty(0).long(), torch.zeros(1).long())).logits(
        torch.empty(0).long(), torch.empty(0, 3).long()
    ).shape == (0, 3)


@pytest.mark.parametrize(
    ("recipe", "ignores"),
    [("articles_additive", True), ("articles_two_tower", False), ("articles_concatenated", False)],
)
def test_the_guard_names_the_ranking_that_ignores_the_user(tiny, recipe, ignores):
    """In both stages: the sum of a user's and an item's part gives everybody one order, whatever an item is."""
    both = "table@model.table.sources=[id,attribute]"
    result = read(train(tiny(f"recipe={recipe}", both, "trainer.max_epochs=2", "metric=[ndcg]")))
    for stage in (result, result["init"]):
        assert ("ignores the user" in stage["warnings"]) == ignores, stage["label"]
    shares = [r["config"]["objective"]["pair_bce"]["loss"]["hold_out"] for r in (result["init"], result)]
    assert shares == [0, 0.5]
