"""replaced_item against a loop over items, and what it puts in their places."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ssrec.batch import PAD
from ssrec.errors import CompositionError
from ssrec.objectives import replaced_item
from ssrec.objectives.masked_item import MaskedItem
from ssrec.objectives.replaced_item import ReplacedItem, drawn_by_score
from ssrec.ranking_losses import Softmax

DISTRIBUTIONS = ["uniform", "popularity", "own"]


@pytest.fixture
def full(batch):
    """The three rows two hundred times, each with a target."""
    many = replace(batch, target=torch.tensor([[3], [7], [7]]))
    return many.select(torch.arange(3).repeat(200))


def cleared(encoder, objective):
    torch.nn.init.normal_(objective.head.weight)
    encoder.passes.clear()
    return objective


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@torch.no_grad()
def test_every_item_is_asked_whether_it_was_replaced(corpus, full, running, distribution):
    encoder = running(corpus)
    objective = cleared(encoder, ReplacedItem(encoder, corpus, distribution=distribution, probability=0.4))
    (loss,) = objective(encoder(full)).values()
    seen, causal = encoder.passes[-1]
    assert not causal
    naive, changed = [], 0
    for was, now in zip(full.whole.tolist(), seen.tolist(), strict=True):
        vector = sum(encoder.table.weight[i] for i in now)
        for before, after in zip(was, now, strict=True):
            assert (before == PAD) == (after == PAD) and 0 <= after <= corpus.n_items
            if before != PAD:
                label = torch.tensor(float(before != after))
                naive.append(float(F.binary_cross_entropy_with_logits(objective.head(vector)[0], label)))
                changed += before != after
    assert loss.item() == pytest.approx(sum(naive) / len(naive), rel=1e-4)
    assert 0 < changed < 0.6 * len(naive), "a draw that equals the item was counted, or nothing was replaced"


@pytest.mark.parametrize("distribution", ["uniform", "popularity"])
def test_draws_follow_their_distribution(corpus, full, running, distribution):
    """With every item hidden, a row shows the draws themselves; items 1 to 7 have 1, 1, 1, 1, 2, 1, 1 events."""
    encoder = running(corpus)
    objective = cleared(encoder, ReplacedItem(encoder, corpus, distribution=distribution, probability=1.0))
    objective(encoder(full))
    drawn = encoder.passes[-1][0][full.whole != PAD]
    share = torch.bincount(drawn, minlength=8).float() / len(drawn)
    weights = torch.ones(8) if distribution == "uniform" else corpus.counts.float()
    weights[0] = 0
    torch.testing.assert_close(share, weights / weights.sum(), atol=0.03, rtol=0)


def test_own_draws_are_the_encoders_at_the_hidden_items(corpus, full, running):
    encoder = running(corpus)
    objective = cleared(encoder, ReplacedItem(encoder, corpus, distribution="own", probability=0.3))
    with torch.no_grad():
        encoder.table.weight.zero_()
        encoder.table.weight[corpus.mask, 0] = 30.0  # a row with a mask finds item 4 alone likely
        encoder.table.weight[4, 0] = 1.0
    (loss,) = objective(encoder(full)).values()
    (masked, first), (seen, second) = encoder.passes
    assert not first and not second
    assert torch.equal(seen, torch.where(masked == corpus.mask, 4, full.whole))
    loss.backward()


def test_own_draws_share_the_pass_of_masked_item(corpus, full, running):
    encoder = running(corpus)
    objective = cleared(encoder, ReplacedItem(encoder, corpus, distribution="own", probability=0.3))
    masked = MaskedItem(encoder, corpus, loss=Softmax, probability=0.3)
    x = encoder(full)
    masked(x)
    objective(x)
    assert len(encoder.passes) == 2
    (hidden, _), (seen, _) = encoder.passes
    moved = seen != full.whole
    assert moved.any() and (hidden[moved] == corpus.mask).all()


def test_nothing_flows_back_through_a_draw(corpus, full, running):
    encoder = running(corpus)
    objective = cleared(encoder, ReplacedItem(encoder, corpus, distribution="own", probability=1.0))
    (loss,) = objective(encoder(full)).values()
    loss.backward()
    assert not encoder.table.weight.grad[corpus.mask].any(), "the mask stands in the generator's pass alone"


@pytest.mark.parametrize("budget", [1, 20, 10_000])
def test_items_are_drawn_by_the_softmax_of_their_scores(monkeypatch, budget):
    monkeypatch.setattr(replaced_item, "BUDGET", budget)
    users, items = torch.randn(2, 4), torch.randn(8, 4)
    items[0] = 100.0  # padding
    drawn = drawn_by_score(users.repeat_interleave(4000, 0), items).view(2, 4000)
    found = torch.stack([torch.bincount(row, minlength=8) for row in drawn]) / 4000
    assert not found[:, 0].any()
    torch.testing.assert_close(found[:, 1:], (users @ items[1:].T).softmax(1), atol=0.04, rtol=0)


def test_the_batch_is_not_edited_and_rows_are_cut(corpus, full, running):
    encoder = running(corpus, max_length=2)
    before = full.whole.clone()
    ReplacedItem(encoder, corpus, probability=1.0)(encoder(full))
    assert torch.equal(full.whole, before) and encoder.passes[-1][0].shape == (600, 2)


def test_settings_outside_their_range_are_refused(corpus, running):
    with pytest.raises(CompositionError, match=r"probability=1\.5"):
        ReplacedItem(running(corpus), corpus, probability=1.5)
