"""Each warning where it is due, and silence where it is not."""

import math

import pytest
import torch
from rankings import asked

from ssrec.guards import Watch, of_batches, of_lists, of_parts, of_seeds, of_training
from ssrec.ranking import ranking


def watched(*parts: torch.Tensor, k: int = 3) -> dict[str, int]:
    watch = Watch()
    for scores in parts:
        watch.update(scores, ranking(scores, asked(torch.ones(len(scores), 1, dtype=torch.long)), k))
    return watch.compute()


def scores(n: int) -> torch.Tensor:
    return torch.randn(n, 101, generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("value", [0.0, -2.0, math.nan])
def test_constant_or_nan_scores_have_no_order(value, k):
    found = watched(scores(90), torch.full((10, 101), value), k=k)
    assert (found["rows"], found["flat"]) == (100, 10)
    assert "10 of 100 ranked lists" in of_lists(found, personal=True)["no order"]


def test_a_few_rows_without_an_order_are_no_matter():
    assert of_lists(watched(scores(199), torch.zeros(1, 101)), personal=True) == {}


@pytest.mark.parametrize("k", [1, 3])
def test_one_order_for_all_is_named_however_scores_are_scaled(k):
    """Also where a list has one item, and users differ in the others alone."""
    one = scores(1)
    scaled = torch.cat([one, one * 3 + 2, one / 7])
    assert set(of_lists(watched(scaled[:2], scaled[2:], k=k), personal=True)) == {"ignores the user"}
    assert of_lists(watched(scaled, k=k), personal=False) == {}, "popularity is meant to"
    assert of_lists(watched(scaled, scores(2), k=k), personal=True) == {}
    assert of_lists(watched(one, k=k), personal=True) == {}, "one row is no evidence"
    best = torch.cat([one, scores(2)]).scatter(1, torch.full((3, 1), 7), 99.0)
    assert of_lists(watched(best, k=k), personal=True) == {}


@pytest.mark.parametrize("floor", [torch.zeros(1, 100_001), torch.randperm(100_001)[None] / 100_001])
def test_what_is_personal_may_concern_few_items_of_many(floor):
    """As of Markov and item-KNN, with or without popularity behind."""
    draw = torch.Generator().manual_seed(0)
    personal = floor.repeat(30, 1)
    personal.scatter_(1, torch.randint(1, 100_001, (30, 20), generator=draw), 10 + torch.rand(30, 20, generator=draw))
    assert of_lists(watched(personal), personal=True) == {}
    assert of_lists(watched(personal[:15], personal[15:]), personal=True) == {}


def test_no_rows_no_warning():
    assert of_lists(watched(scores(4)[:0]), personal=True) == {}


@pytest.mark.parametrize(
    ("best", "epochs", "patience", "every", "warned"),
    [
        *((50, 50, 10, None, True), (41, 50, 10, None, True), (40, 50, 10, None, False)),
        *((50, 50, None, None, True), (49, 50, None, None, False), (48, 50, None, 4, True), (44, 50, None, 4, False)),
    ],
)
def test_undertrained_where_the_best_epoch_is_within_the_patience_of_the_last(best, epochs, patience, every, warned):
    found = of_training({"epochs": epochs, "best_epoch": best}, patience=patience, val_every=every)
    assert set(found) == ({"undertrained"} if warned else set())


def test_without_selection_nothing_is_known_of_the_best_epoch():
    assert of_training({"epochs": 50}, patience=10) == {}


@pytest.mark.parametrize(
    ("val", "test", "n", "warned"),
    [(0.10, 0.05, 20_000, True), (0.05, 0.10, 20_000, True), (0.10, 0.05, 100, False), (0.10, 0.08, 10**6, False)],
)
def test_disagreement_is_beyond_chance_and_large(val, test, n, warned):
    found = of_parts({"val/ndcg@10": val, "test/ndcg@10": test}, "val/ndcg@10", (n, n), (n, n))
    assert set(found) == ({"val and test disagree"} if warned else set())


def test_parts_with_unlike_numbers_of_targets_are_not_compared():
    far, rows = {"val/ndcg@10": 0.1, "test/ndcg@10": 0.3}, (9999, 9999)
    assert of_parts(far, "val/ndcg@10", rows, (9999, 11000))
    assert not of_parts(far, "val/ndcg@10", rows, (9999, 19999))


def test_a_metric_that_is_no_share_is_not_judged():
    assert of_parts({"val/novelty@10": 9.0, "test/novelty@10": 2.0}, "val/novelty@10", (9999, 9999), (9999, 9999)) == {}
    assert of_parts({}, "val/ndcg@10", (9999, 9999), (9999, 9999)) == {}


def test_rows_of_one_length_are_not_all_rows():
    assert "contrast_sequence: with" in of_batches(["contrast_sequence"], "length")["contrast by length"]
    assert of_batches(["contrast_sequence"], "mixed") == of_batches([], "length") == {}


def test_seeds():
    assert set(of_seeds(2, trained=True)) == {"few seeds"}
    assert of_seeds(3, trained=True) == of_seeds(1, trained=False) == {}
