"""Drift is measured against chance: planted it is found, and a sparse test part alone is none."""

import math

import pytest
import torch

from ssrec.audit.drift import distance, drawn_test, drift, spearman
from ssrec.data.split import TEST


def ids(section):
    return {f.id: f.grade for f in section.findings()}


def test_distance_of_known_distributions():
    assert distance(torch.tensor([5, 0]), torch.tensor([0, 3])) == pytest.approx(1)
    assert distance(torch.tensor([4, 2, 2]), torch.tensor([2, 1, 1])) == pytest.approx(0)
    p, q = [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]

    def divergence(share):
        return sum(a * math.log2(a / m) for a, m in zip(share, middle, strict=True) if a)

    expected = math.sqrt((divergence(p) + divergence(q)) / 2)
    assert distance(torch.tensor([2, 2, 0]), torch.tensor([1, 1, 2])) == pytest.approx(expected)


def test_rank_correlation_with_ties():
    x, y = torch.tensor([1, 2, 2, 3, 0]), torch.tensor([2, 2, 5, 9, 0])
    a, b = torch.tensor([2, 3.5, 3.5, 5, 1]), torch.tensor([2.5, 2.5, 4, 5, 1])
    expected = ((a - 3) * (b - 3)).sum() / (((a - 3) ** 2).sum() * ((b - 3) ** 2).sum()).sqrt()
    assert spearman(x, y) == pytest.approx(float(expected), rel=1e-6)
    assert spearman(x, torch.ones(5, dtype=torch.long)) == 0


def test_chance_draws_as_many_of_each_user_from_training_and_test(plant):
    events = [(u, i + 1) for u in range(1, 30) for i in range(3 + u % 4)]
    parts = "".join("rrv" + "rttu"[: u % 4] if u % 4 > 1 else ("rrv" + "t" * (u % 4)) for u in range(1, 30))
    subject = plant(events, parts)
    drawn = drawn_test(subject)
    test = subject.part == TEST
    assert torch.equal(torch.bincount(subject.user[drawn]), torch.bincount(subject.user[test]))
    assert not torch.equal(drawn, test)
    assert not (drawn & (subject.part != 0) & ~test).any()


def test_planted_drift_is_found(plant):
    events = [(u, i) for u in range(1, 200) for i in (*(torch.randperm(20)[:5] + 1).tolist(), 21, 22 + u % 3)]
    found = drift(plant(events))
    assert found.distance > 0.95
    assert found.distance_by_chance < 0.5
    assert "popularity_drift" in ids(found)
    assert found.test_on_top["1 %"] == 0


def test_random_histories_show_none(plant):
    events = [(u, i + 1) for u in range(1, 400) for i in torch.randperm(200)[:7].tolist()]
    found = drift(plant(events))
    assert found.distance > 0.3, "the test part is sparse, so it is far from training by chance"
    assert found.distance == pytest.approx(found.distance_by_chance, abs=0.04)
    assert not ids(found)


def test_targets_on_the_most_popular_items_are_found(plant):
    lists = [(*(torch.randperm(100)[:4] + 2).tolist(), 1, 1, 1) for _ in range(50)]
    found = drift(plant([(u + 1, i) for u, items in enumerate(lists) for i in items], id=list(range(1, 201))))
    assert found.test_on_top == {"1 %": 1.0, "10 %": 1.0}
    assert 0.2 < found.train_on_top["1 %"] < 0.5
    assert ids(found)["concentrated_targets"] == "warning"
    assert found.curves["training"][0] == 0
    assert found.curves["test"][-1] == 1
