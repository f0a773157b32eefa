"""The generated world: the same for the same settings, and with signal at the depths that it promises."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from ssrec.batch import Ragged
from ssrec.data.canonical import Canonical, prepare
from ssrec.data.clean import Cleaning
from ssrec.data.sources.synthetic import Synthetic
from ssrec.data.split import LeaveOneOut, Splits
from ssrec.errors import CompositionError

SMALL = {"users": 50, "items": 60, "departments": 2, "categories": 3, "min_events": 5, "max_events": 20}


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> Canonical:
    return prepare(Synthetic(), Cleaning(), tmp_path_factory.mktemp("usual"))


def made(folder: Path, **settings) -> Canonical:
    return prepare(Synthetic(**{**SMALL, **settings}), Cleaning(), folder)


def histories(canonical: Canonical, column: str) -> list[list[int]]:
    return canonical.interactions.group_by("user", maintain_order=True).agg(column)[column].to_list()


def test_same_settings_same_world(tmp_path):
    """Pinned, so that it holds between processes too: where it changes on purpose, VERSION is raised."""
    a, b = made(tmp_path / "a"), made(tmp_path / "b")
    assert a.fingerprint == b.fingerprint
    assert made(tmp_path, seed=1).fingerprint != a.fingerprint
    assert histories(a, "item")[0] == [52, 27, 42, 21, 36, 13, 53, 55, 43, 39, 15, 35, 25, 44, 47, 30, 4, 37, 48]
    assert histories(a, "time")[0][:3] == [1602304314, 1603096273, 1603150265]
    assert a.items["title"][0] == "Fibor Classic Kitchen Guide 0"


def test_everybody_lives_as_long_as_said_and_meets_nothing_twice(usual):
    lives = histories(usual, "item")
    assert len(lives) == usual.n_users == 2000 and usual.n_items == 600
    assert {len(life) for life in lives} == set(range(12, 31))
    assert all(len(set(life)) == len(life) for life in lives)
    assert all(a < b for times in histories(usual, "time") for a, b in pairwise(times))


def test_items_have_titles_of_their_categories(usual):
    assert usual.items["title"].n_unique() == 600
    departments, paths, brands = set(), set(), set()
    for title, (department, path, brand) in usual.items.select("title", "attributes").iter_rows():
        assert path.startswith(department + " > ")
        assert {department, path.split(" > ")[1], brand.removeprefix("brand ")} <= set(title.split())
        departments.add(department), paths.add(path), brands.add(brand)
    assert (len(departments), len(paths), len(brands)) == (6, 30, 30)


def test_popularity_has_a_long_tail(usual):
    counts = usual.interactions["item"].value_counts(sort=True)["count"]
    assert counts[:60].sum() > 0.25 * counts.sum()
    assert counts[:60].sum() < 0.6 * counts.sum()


def hit_rate(splits: Splits, scores: torch.Tensor) -> float:
    """HR@10 on test, seen items masked, ties last."""
    past, target = splits.test.past, splits.test.target.values
    scores = scores.double().index_put((past.rows, past.values), torch.tensor(-1.0, dtype=torch.double))
    scores[:, 0] = -1.0
    return ((scores >= scores.gather(1, target[:, None])).sum(1) <= 10).double().mean().item()


def transitions(history: Ragged, n: int, lag: int) -> torch.Tensor:
    near = history.rows[lag:] == history.rows[:-lag]
    pairs = (history.values[:-lag][near], history.values[lag:][near])
    return torch.zeros(n, n).index_put_(pairs, torch.ones(1), accumulate=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_each_depth_of_history_tells_more(tmp_path, seed):
    """Popularity < what follows the last item < what follows any of the last five, by counts alone."""
    splits = LeaveOneOut()(prepare(Synthetic(seed=seed), Cleaning(), tmp_path))
    corpus, past = splits.corpus, splits.test.past.padded(5)
    popularity = corpus.counts / (corpus.counts.max() + 1)
    markov = transitions(corpus.history, corpus.item_rows, 1)
    deep = sum(transitions(corpus.history, corpus.item_rows, lag) for lag in range(1, 6))
    first = hit_rate(splits, popularity.expand(len(past), -1))
    second = hit_rate(splits, markov[past[:, -1]] + popularity)
    third = hit_rate(splits, sum(deep[past[:, k]] for k in range(5)) + popularity)
    assert 0.02 < first < 0.07
    assert second > 1.8 * first
    assert third > 3 * second


def test_interests_drift(tmp_path):
    """Without drift a user stays in as many categories as threads; with it she moves on, and mostly not far."""

    def categories(drift: float) -> list[list[str]]:
        canonical = made(tmp_path, drift=drift, items=600, max_events=12)
        path = dict(zip(canonical.items["item"], canonical.items["attributes"].list.get(1), strict=True))
        return [[path[i] for i in life] for life in histories(canonical, "item")]

    assert max(len(set(life)) for life in categories(0.0)) == 2
    drifting = [len(set(life)) for life in categories(0.3)]
    assert sum(drifting) / len(drifting) > 2.5


def test_a_tiny_world_that_users_exhaust(tmp_path):
    canonical = made(tmp_path, items=21, threads=1, departments=3, categories=7)
    assert all(len(set(life)) == len(life) for life in histories(canonical, "item"))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"users": 0}, r"dataset\.users=0: at least 1"),
        ({"items": 20}, r"dataset\.items=20: at least 21 are needed"),
        ({"items": 30, "departments": 10, "categories": 10}, "each of the 100 categories needs one"),
        ({"min_events": 21}, r"dataset\.max_events=20 is less than min_events=21"),
        ({"drift": 1.5}, r"dataset\.drift=1\.5: a probability"),
        ({"threads": 0}, r"dataset\.threads=0"),
        ({"skew": -1.0}, r"dataset\.skew=-1\.0"),
    ],
)
def test_settings_that_make_no_world(settings, message):
    with pytest.raises(CompositionError, match=message):
        Synthetic(**{**SMALL, **settings})
