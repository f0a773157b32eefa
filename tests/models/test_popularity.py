"""Popularity against a count."""

from dataclasses import replace

import pytest
import torch
from options import composed

from ssrec.encodings.encoding import FittedEncoding
from ssrec.errors import CompositionError
from ssrec.models.popularity import DAY, Popularity
from ssrec.runs import read
from ssrec.train import checked, stages, train


def test_scores_count_training_events(corpus, histories, make_batch):
    encoding = Popularity(corpus)(make_batch([[1], [2, 3]]))
    assert isinstance(encoding, FittedEncoding)
    flat = [item for row in histories for item in row]
    expected = torch.tensor([[float(flat.count(item)) for item in range(10)]] * 2)
    assert torch.equal(encoding.scores(), expected)


def test_events_count_by_their_weights_where_they_have_some(corpus, make_batch):
    weights = torch.arange(len(corpus.items)) / 4
    scores = Popularity(replace(corpus, weights=weights))(make_batch([[1]])).scores()[0]
    wanted = [sum(w for i, w in zip(corpus.items.tolist(), weights.tolist(), strict=True) if i == n) for n in range(10)]
    assert scores.tolist() == wanted


def test_a_ranking_may_write_into_its_scores(corpus, make_batch):
    model = Popularity(corpus)
    batch = make_batch([[1], [2, 3]])
    model(batch).scores()[0].fill_(-1)
    assert (model(batch).scores() >= 0).all()


def test_state_is_saved_and_nothing_is_trained(corpus):
    model = Popularity(corpus)
    assert not list(model.parameters())
    assert set(model.state_dict()) == {"total"}


@pytest.fixture
def timed(corpus):
    """Events 0, 3, 6, ... days before the last one, in an order that is not that of the flat array."""
    n = len(corpus.items)
    return replace(corpus, times=1_600_000_000 - 3 * DAY * (torch.arange(n) * 5 % n))


def naive(corpus, counts_for):
    """Sums over events of what each counts for by its age in days."""
    found, last = [0.0] * 10, max(corpus.times.tolist())
    for i, item in enumerate(corpus.items.tolist()):
        weight = 1.0 if corpus.weights is None else float(corpus.weights[i])
        found[item] += weight * counts_for((last - int(corpus.times[i])) / DAY)
    return torch.tensor(found)


@pytest.mark.parametrize("weighed", [False, True])
def test_only_recent_events_count_or_older_ones_less(timed, make_batch, weighed):
    n = len(timed.items)
    corpus = replace(timed, weights=torch.rand(n)) if weighed else timed
    ways = {
        ("days", 10.0): lambda age: age < 10,
        ("share", 0.5): lambda age: age < 3 * round(n / 2),
        ("half_life", 7.0): lambda age: 0.5 ** (age / 7),
    }
    for (name, value), counts_for in ways.items():
        scores = Popularity(corpus, **{name: value})(make_batch([[1]])).scores()[0]
        torch.testing.assert_close(scores, naive(corpus, counts_for))
        assert not torch.equal(scores, Popularity(corpus).total)


def test_events_of_the_same_time_count_alike(timed):
    alike = replace(timed, times=torch.full_like(timed.times, 5))
    for setting in ({"days": 1.0}, {"share": 0.1}, {"half_life": 1.0}):
        assert torch.equal(Popularity(alike, **setting).total, Popularity(timed).total)


def test_settings_that_cannot_work_are_refused(corpus, timed):
    for setting in ({"days": 0.0}, {"share": -1.0}, {"half_life": 0.0}):
        with pytest.raises(CompositionError, match="must be above 0"):
            Popularity(timed, **setting)
    with pytest.raises(CompositionError, match=r"share=2\.0 must be at most 1"):
        Popularity(timed, share=2.0)
    with pytest.raises(CompositionError, match="days and half_life are two ways"):
        Popularity(timed, days=3.0, half_life=3.0)
    with pytest.raises(CompositionError, match=r"days=3\.0 reads times"):
        Popularity(corpus, days=3.0)
    with pytest.raises(CompositionError, match=r"model\.half_life=7\.0 needs times, which the dataset does not have"):
        checked(
            stages(composed("model=popularity", "objective=[]", "model.half_life=7.0", "dataset=gowalla"))[0],
            starts=False,
        )


def test_without_settings_times_decide_nothing(corpus, timed):
    assert torch.equal(Popularity(timed).total, Popularity(corpus).total)


@pytest.mark.parametrize("recipe", ["popularity_recent", "popularity_decayed"])
def test_a_recipe_differs_from_the_count_of_all_times(tiny, recipe):
    found, plainly = (read(train(tiny(f"recipe={r}", "metric=[ndcg]"))) for r in (recipe, "popularity"))
    assert found["fingerprint"] != plainly["fingerprint"]
