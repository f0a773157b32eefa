"""What an edge's ends predict, each against its formula, one node at a time."""

from functools import partial

import pytest
import torch
from dense_graphs import dense
from edges import edges
from torch.testing import assert_close

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.models.lightgcn import LightGCN
from ssrec.models.with_predictor import WithPredictor
from ssrec.pretext.bootstrap_targets import Dropped, History, Pruned, Taught
from ssrec.pretext.teacher import Teacher

HALF = partial(Teacher, momentum=0.5, momentum_end=0.5)
USER_ROWS = 4


def whole(x):
    return x


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    corpus = Corpus(torch.tensor([1, 3, 7, 3, 5]), torch.tensor([0, 0, 3, 4, 5]), n_users=3, n_items=7)
    return WithPredictor(corpus, encoder=partial(LightGCN, dim=6, layers=2, init_std=1.0))


@pytest.fixture
def batch():
    return edges([1, 2, 1], [3, 3, 7])


NODES = [1, 2, 1, USER_ROWS + 3, USER_ROWS + 3, USER_ROWS + 7]


def ends(pair):
    return torch.cat(list(pair))


def changed(encoder):
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn_like(parameter))


@pytest.mark.parametrize("rows", ["all", "batch"])
def test_a_teachers_table_follows_whole_or_where_the_batch_is(encoder, batch, rows):
    target = Taught(encoder, teacher=HALF, rows=rows)
    target.before_epoch(encoder)
    before = encoder.encoder.embedding.weight.detach().clone()
    assert_close(ends(target(encoder(batch).base, whole)), encoder(batch).base.nodes[NODES].detach())
    changed(encoder)
    expected = before.clone()
    for node in range(len(before)) if rows == "all" else set(NODES):
        expected[node] = (before[node] + encoder.encoder.embedding.weight[node].detach()) / 2
    target.after_step(encoder)
    table = target.teacher.average.module.encoder.embedding.weight
    assert_close(table, expected)
    bias = target.teacher.average.module.predictor.bias
    assert not torch.equal(bias, encoder.predictor.bias), "what is no table follows in any case"
    a = dense(encoder.encoder.graph)
    nodes = (expected + a @ expected + a @ a @ expected) / 3
    taught = ends(target(encoder(batch).base, whole))
    assert_close(taught, nodes[NODES])
    assert not taught.requires_grad


def test_a_teacher_drops_edges_of_its_own_pass(encoder, batch):
    target = Taught(encoder, teacher=HALF)
    passes = []

    def drop(x):
        passes.append(x)
        return x.view(x.graph.keep_edges(torch.zeros(x.graph.n_edges, dtype=torch.bool)))

    found = ends(target(encoder(batch).base, drop))
    (taught,) = passes
    assert not taught.nodes.requires_grad
    assert_close(found, encoder.encoder.embedding.weight[NODES].detach() / 3)


def test_a_history_is_mixed_in_and_written_after_the_step(encoder, batch):
    target = History(encoder, momentum=0.25)
    first = target.stored.clone()
    assert first.shape == encoder.encoder.embedding.weight.shape
    for _ in range(2):  # until the step is made, another look finds the same
        x = encoder(batch).base
        met = ends(target(x, whole))
        assert_close(met, 0.25 * first[NODES] + 0.75 * x.nodes[NODES].detach())
        assert not met.requires_grad
    present = x.nodes.detach().clone()
    changed(encoder)
    target.after_step(encoder)
    expected = first.clone()
    for node in NODES:
        expected[node] = present[node]
    assert torch.equal(target.stored, expected), "vectors of before the step, of the nodes that were met"
    target.after_step(encoder)  # a step in which it had no part
    assert torch.equal(target.stored, expected)
    second = encoder(batch).base
    assert_close(ends(target(second, whole)), 0.25 * present[NODES] + 0.75 * second.nodes[NODES].detach())


def test_a_history_starts_as_normal_draws_as_wide_as_what_is_read(encoder, batch):
    wide = partial(LightGCN, dim=2000, layers=1, readout="concat")
    corpus = Corpus(torch.tensor([1, 2]), torch.tensor([0, 0, 2]), n_users=1, n_items=2)
    stored = History(WithPredictor(corpus, encoder=wide)).stored
    assert stored.shape == (5, 4000) and "stored" in History(encoder).state_dict()
    assert stored.mean().item() == pytest.approx(0, abs=0.05) and stored.std().item() == pytest.approx(1, abs=0.05)


def test_numbers_are_dropped_while_training(encoder, batch):
    target, x = Dropped(encoder, rate=0.5), encoder(batch).base
    own = x.nodes[NODES].detach()
    found = torch.stack([ends(target(x, whole)) for _ in range(400)])
    kept = found != 0
    assert_close(found[kept], (2 * own).expand_as(found)[kept])
    assert_close(kept.float().mean(0), torch.full_like(own, 0.5), atol=0.13, rtol=0)
    assert not found.requires_grad
    assert torch.equal(ends(target.eval()(x, whole)), own)


def test_a_pruned_graph_carries_vectors_one_step_on(encoder, batch):
    target, x = Pruned(encoder, rate=0.5), encoder(batch).base
    nodes, a = x.nodes.detach(), dense(x.graph)
    assert_close(ends(target.eval()(x, whole)), (a @ nodes)[NODES])
    target.train()
    alone = [node for node in NODES if (a[node] != 0).sum() == 1]
    assert USER_ROWS + 7 in alone
    found = torch.stack([ends(target(x, whole)) for _ in range(400)])
    for place, node in enumerate(NODES):
        if node in alone:  # of one neighbour either nothing comes, or twice as much
            came = found[:, place].any(1)
            assert_close(found[came, place], (2 * a @ nodes)[node].expand(int(came.sum()), -1))
            assert came.float().mean().item() == pytest.approx(0.5, abs=0.13)
    assert_close(found.mean(0), (a @ nodes)[NODES], atol=0.25, rtol=0)
    assert not found.requires_grad


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (partial(History, momentum=1.5), "momentum=1.5"),
        (partial(Dropped, rate=1.0), "rate=1.0"),
        (partial(Pruned, rate=-0.1), "rate=-0.1"),
    ],
)
def test_settings_outside_their_range_are_refused(encoder, made, words):
    with pytest.raises(CompositionError, match=f"bootstrap_graph: {words}"):
        made(encoder)
