"""Samplers: what they may draw, and how often."""

import pytest
import torch

from ssrec.batch import Corpus
from ssrec.errors import DataError
from ssrec.negatives import Others, Proposal, Unmet


def make(histories, n_items):
    flat = torch.tensor([i for h in histories for i in h])
    offsets = torch.tensor([0, 0, *[len(h) for h in histories]]).cumsum(0)
    return Corpus(flat, offsets, n_users=len(histories), n_items=n_items)


CORPUS = make([[1, 2, 2], [5, 1, 3, 4], [6], []], n_items=6)


def frequencies(draw, rows):
    return torch.bincount(draw.flatten(), minlength=rows) / draw.numel()


def test_uniform_proposal_draws_every_item_and_never_padding():
    torch.manual_seed(0)
    proposal = Proposal(CORPUS, "uniform")
    draw = proposal.sample(200, 300)
    assert draw.shape == (200, 300)
    expected = torch.tensor([0.0] + [1 / 6] * 6)
    torch.testing.assert_close(frequencies(draw, 7), expected, atol=0.01, rtol=0)
    torch.testing.assert_close(proposal.log_probability(torch.arange(7)), expected.log())


def test_popular_proposal_draws_in_proportion_to_events():
    torch.manual_seed(0)
    cold = make([[1, 2, 2], [4, 4, 4]], n_items=5)  # 3 and 5 have no events
    proposal = Proposal(cold, "popularity")
    expected = torch.tensor([0, 1, 2, 0, 3, 0]) / 6
    torch.testing.assert_close(frequencies(proposal.sample(50_000), 6), expected, atol=0.01, rtol=0)
    torch.testing.assert_close(proposal.log_probability(torch.arange(6)), expected.log())


def test_others_are_uniform_without_the_label():
    torch.manual_seed(0)
    draw = Others(CORPUS)(torch.tensor([1, 3, 6]), 20_000)
    for row, label in zip(draw, [1, 3, 6], strict=True):
        expected = torch.tensor([0.0] + [1 / 5] * 6)
        expected[label] = 0
        found = frequencies(row, 7)
        assert found[label] == 0 and found[0] == 0
        torch.testing.assert_close(found, expected, atol=0.015, rtol=0)


def test_others_need_two_items():
    with pytest.raises(DataError, match="at least 2 items, and this one has 1"):
        Others(make([[1]], n_items=1))


def test_unmet_is_uniform_outside_the_history_of_each_user():
    torch.manual_seed(0)
    users = torch.arange(CORPUS.user_rows)
    draw = Unmet(CORPUS)(users[:, None].expand(-1, 20_000))
    for user in users.tolist():
        met = set(CORPUS.items[CORPUS.offsets[user] : CORPUS.offsets[user + 1]].tolist())
        expected = torch.tensor([0.0 if i == 0 or i in met else 1 / (6 - len(met)) for i in range(7)])
        found = frequencies(draw[user], 7)
        assert ((found > 0) == (expected > 0)).all(), user
        torch.testing.assert_close(found, expected, atol=0.015, rtol=0)


def test_popular_unmet_is_in_proportion_to_events_outside_the_history_of_each_user():
    torch.manual_seed(0)
    corpus = make([[1, 2, 2], [5, 1, 3, 4, 4, 4], [6], []], n_items=7)  # 7 has no events
    users = torch.arange(corpus.user_rows)
    draw = Unmet(corpus, "popularity")(users[:, None].expand(-1, 20_000))
    for user in users.tolist():
        met = set(corpus.items[corpus.offsets[user] : corpus.offsets[user + 1]].tolist())
        mass = torch.tensor([0.0 if i in met else float(n) for i, n in enumerate([0, 2, 2, 1, 3, 1, 1, 0])])
        found = frequencies(draw[user], 8)
        assert ((found > 0) == (mass > 0)).all(), user
        torch.testing.assert_close(found, mass / mass.sum(), atol=0.015, rtol=0)


@pytest.mark.parametrize("distribution", ["uniform", "popularity"])
def test_unmet_agrees_with_sets_on_many_users(distribution):
    torch.manual_seed(1)
    histories = [torch.randint(1, 31, (int(n),)).tolist() for n in torch.randint(0, 40, (200,))]
    corpus = make(histories, n_items=30)
    users = torch.randint(0, 201, (5_000,))
    for user, item in zip(users.tolist(), Unmet(corpus, distribution)(users).tolist(), strict=True):
        assert 1 <= item <= 30
        assert user == 0 or item not in histories[user - 1]


@pytest.mark.parametrize(
    ("distribution", "n_items", "words"),
    [("uniform", 3, "all 3 items,"), ("popularity", 5, "all 3 items that have any,")],
)
def test_a_user_who_has_met_everything_is_named(distribution, n_items, words):
    with pytest.raises(DataError, match=f"user 2 has training events with {words}"):
        Unmet(make([[1], [3, 1, 2, 1]], n_items=n_items), distribution)


def test_draws_follow_the_seed():
    for draw in (
        lambda: Unmet(CORPUS)(torch.ones(50).long()),
        lambda: Unmet(CORPUS, "popularity")(torch.ones(50).long()),
        lambda: Proposal(CORPUS, "popularity").sample(50),
        lambda: Proposal(CORPUS, "uniform").sample(50),
    ):
        torch.manual_seed(3)
        once = draw()
        torch.manual_seed(3)
        assert torch.equal(once, draw())
        assert not torch.equal(once, draw())
