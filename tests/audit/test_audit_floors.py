"""Floors are the ranks that loops find, and the same as a run's metrics."""

import math
from collections import Counter
from itertools import pairwise

import pytest
import torch

from ssrec.audit.floors import OWN, floors
from ssrec.batch import Ragged
from ssrec.models.history import recency


def ids(section):
    return {f.id: f.grade for f in section.findings()}


def naive(subject, scored, masked):
    """HR@10 and NDCG@10, ties last."""
    test, n = subject.splits.test, subject.canonical.n_items
    found = []
    for row in range(len(test)):
        past = test.past.values[test.past.offsets[row] : test.past.offsets[row + 1]].tolist()
        target = int(test.target.values[row])
        scores = scored(past)
        others = [i for i in range(1, n + 1) if i != target and not (masked and i in past)]
        rank = 1 + sum(scores[i] >= scores[target] for i in others)
        found.append((rank <= 10, 1 / math.log2(rank + 1) if rank <= 10 else 0.0))
    return [sum(column) / len(column) for column in zip(*found, strict=True)]


def test_they_are_the_naive_ranks(plant):
    events = [(u, int(i), k) for u in range(1, 60) for k, i in enumerate(torch.randint(1, 31, (8,)))]
    subject = plant(events)
    corpus, n = subject.splits.corpus, 31
    counts = Counter(corpus.items.tolist())
    follows = Counter()
    for u in range(1, 60):
        own = corpus.items[corpus.offsets[u] : corpus.offsets[u + 1]].tolist()
        follows.update(pairwise(own))
    most = max(counts.values())

    ways = {
        "popularity": (lambda past: [counts[i] for i in range(n)], True),
        "markov": (lambda past: [follows[past[-1], i] + counts[i] / (most + 1) for i in range(n)], True),
        OWN: (lambda past: [max((k + 1 for k, j in enumerate(past) if j == i), default=0) for i in range(n)], False),
    }
    found = floors(subject)
    assert (found.rows, found.of_rows, found.k) == (59, 59, 10)
    for floor in found.floors:
        expected = naive(subject, *ways[floor.name])
        assert [floor.whole.hit_rate, floor.whole.ndcg] == pytest.approx(expected, abs=1e-6), floor.name


def test_recency_lists_the_latest_first():
    scores = recency(Ragged(torch.tensor([3, 1, 3, 2]), torch.tensor([0, 3, 3, 4])), 5)
    assert scores.tolist() == [[0, 2, 0, 3, 0], [0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]


def test_a_sample_is_drawn_and_said(plant):
    events = [(u, int(i)) for u in range(1, 60) for i in torch.randint(1, 31, (5,))]
    found = floors(plant(events), most=20)
    assert (found.rows, found.of_rows) == (20, 59)
    assert "a sample of 59" in found.table().note
    assert found.floors[0].tied is None


def test_repeaters_make_own_history_a_warning(plant):
    events = [(u, i) for u in range(1, 60) for i in ((u % 20) + 1, (u * 7) % 20 + 1, (u % 20) + 1, (u % 20) + 1)]
    found = floors(plant(events))
    assert ids(found)["own_history"] == "warning"
    once = [(u, int(i) + 1) for u in range(1, 60) for i in torch.randperm(60)[:4]]
    assert "own_history" not in ids(floors(plant(once)))


def test_an_order_that_ties_give_away_is_found(plant):
    """Half of the users meet the item after the last one on the same day; the others something random a day later."""
    events = []
    for u in range(1, 401):
        start = int(torch.randint(1, 150, (1,)))
        items = [start, start + 1, start + 2, start + 3] if u % 2 else (torch.randperm(200)[:4] + 1).tolist()
        events += [(u, i, 0 if u % 2 else k) for k, i in enumerate(items)]
    found = floors(plant(events))
    markov = next(f for f in found.floors if f.name == "markov")
    assert (markov.tied.rows, markov.untied.rows) == (200, 200)
    whole = (markov.tied.ndcg + markov.untied.ndcg) / 2
    assert whole == pytest.approx(markov.whole.ndcg)
    assert ids(found)["tied_rows_score_higher"] == "warning"
    untied = [(u, i, u * 10 + k) for k, (u, i, _) in enumerate(events)]
    assert "tied_rows_score_higher" not in ids(floors(plant(untied)))


def test_a_catalogue_of_fewer_than_ten_items_has_shorter_lists(plant):
    found = floors(plant([(u, i) for u in (1, 2, 3) for i in (1, 2, 3)]))
    assert found.k == 3
    assert "HR@3" in found.findings()[0].sentence
