"""Strata: who belongs, by loops over rows, and the metrics that they get in a run."""

import json

import pytest
import torch

from ssrec import runs
from ssrec.batch import Corpus, Ragged
from ssrec.data.split import Held
from ssrec.errors import CompositionError, DataError
from ssrec.strata import Cold, HistoryLength, TargetPopularity, Tied
from ssrec.train import train


def ragged(rows: list[list[int]]) -> Ragged:
    flat = [i for row in rows for i in row]
    return Ragged(torch.tensor(flat), torch.tensor([0, *map(len, rows)]).cumsum(0))


CORPUS = Corpus(torch.tensor([1, 2, 2]), torch.tensor([0, 0, 2, 3]), n_users=2, n_items=4)
PASTS, TARGETS = [[1, 2], [2], [], [1, 1, 2]], [[2], [3, 1], [4, 3], [1, 2]]
HELD = Held(
    user=torch.tensor([1, 2, 0, 1]),
    past=ragged(PASTS),
    target=ragged(TARGETS),
    tied=torch.tensor([True, False, False, True]),
)


def test_who_is_tied():
    assert Tied(tied=True)(CORPUS, HELD).tolist() == [True, False, False, True]
    assert Tied(tied=False)(CORPUS, HELD).tolist() == [False, True, True, False]
    with pytest.raises(DataError, match="the dataset has no times"):
        Tied(tied=True)(CORPUS, Held(HELD.user, HELD.past, HELD.target))


def test_who_asks_for_a_cold_item():
    assert Cold()(CORPUS, HELD).tolist() == [any(i in (3, 4) for i in row) for row in TARGETS]


def test_who_asks_for_popular_items_only():
    # Item 2 makes two of three events, item 1 the third; 3 and 4 are cold.
    for share, head in ((0.6, {2}), (0.8, {1, 2}), (1.0, {1, 2})):
        wanted = [all(i in head for i in row) for row in TARGETS]
        assert TargetPopularity(head=True, share=share)(CORPUS, HELD).tolist() == wanted
        assert TargetPopularity(head=False, share=share)(CORPUS, HELD).tolist() == [not w for w in wanted]
    cold = Cold()(CORPUS, HELD)
    assert (TargetPopularity(head=False)(CORPUS, HELD) & cold).equal(cold)
    with pytest.raises(CompositionError, match=r"share=1\.5: a share of all events is above 0 and at most 1"):
        TargetPopularity(head=True, share=1.5)


@pytest.mark.parametrize(("least", "most"), [(0, 1), (1, 2), (2, None), (0, None)])
def test_whose_past_has_which_length(least, most):
    wanted = [least <= len(past) <= (99 if most is None else most) for past in PASTS]
    assert HistoryLength(least=least, most=most)(CORPUS, HELD).tolist() == wanted


def test_no_length_lies_between():
    with pytest.raises(CompositionError, match="no past has least=5 to most=4 events"):
        HistoryLength(least=5, most=4)


def test_a_run_reports_each_stratum_and_the_whole_stays_as_it_was(tiny):
    """Two strata that part the rows average to the whole, weighed by their rows; one without rows reports nothing."""
    parts = ["recipe=markov", "stratum=[short,long,tied]", "stratum.short.most=12", "stratum.long.least=13"]
    alone = runs.read(train(tiny("recipe=markov", "study=alone")))
    result = runs.read(train(tiny(*parts)))
    whole, protocol = result["metrics"], result["protocol"]
    n_short, n_long = protocol["n_test_short"], protocol["n_test_long"]
    assert n_short + n_long == protocol["n_test"] == 60 and min(n_short, n_long) > 0
    assert {k: v for k, v in whole.items() if k.count("/") == 1} == alone["metrics"]
    for metric in ("recall@5", "ndcg@10", "mrr@10"):
        mean = (whole[f"test/short/{metric}"] * n_short + whole[f"test/long/{metric}"] * n_long) / 60
        assert mean == pytest.approx(whole[f"test/{metric}"], abs=1e-12)
    assert protocol["n_test_tied"] == 0 and not [k for k in whole if k.startswith("test/tied/")]
    assert json.dumps(whole)
