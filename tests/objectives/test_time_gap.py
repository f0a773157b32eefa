"""time_gap against a loop over neighbouring events."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from ssrec.batch import PAD
from ssrec.errors import CompositionError, DataError
from ssrec.objectives.time_gap import TimeGap

TIMES = torch.tensor([5, 10, 110, 0, 7, 7, 1007, 3])
GAPS = [math.log1p(gap) for gap in (5, 100, 7, 0, 1000)]  # of the corpus: users of three, four and one event


@pytest.fixture
def timed(corpus):
    return replace(corpus, times=TIMES)


@pytest.fixture
def dated(batch):
    return replace(batch, times=torch.tensor([[0, 5, 10], [0, 7, 7], [0, 0, 3]]))


def found(timed, dated, running, *, buckets, causal=True):
    """The loss, the head, and the hidden vector and log gap of every pair of neighbours."""
    encoder = running(timed, causal=causal)
    objective = TimeGap(encoder, timed, buckets=buckets)
    encoder.passes.clear()
    (loss,) = objective(encoder(dated)).values()
    assert [causal for _, causal in encoder.passes] == [True]
    hidden = encoder.encode(dated.items, True)
    where = [(b, t) for b in range(3) for t in range(2) if dated.items[b, t] != PAD]
    if dated.kind == "prefix":
        where = [(b, t) for b, t in where if t == 1]
    gaps = dated.times.diff(dim=1).tolist()
    pairs = [(objective.head(hidden[b, t]), math.log1p(gaps[b][t])) for b, t in where]
    return loss.item(), objective, pairs


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", ["window", "prefix"])
@torch.no_grad()
def test_the_squared_error_of_the_log_in_units_of_the_variance(timed, dated, running, kind, causal):
    loss, _, pairs = found(timed, replace(dated, kind=kind), running, buckets=0, causal=causal)
    centre = sum(GAPS) / 5
    scale = math.sqrt(sum((gap - centre) ** 2 for gap in GAPS) / 5)
    naive = [(float(out[0]) - (gap - centre) / scale) ** 2 for out, gap in pairs]
    assert len(naive) == (3 if kind == "window" else 2)
    assert loss == pytest.approx(sum(naive) / len(naive), rel=1e-5)


@torch.no_grad()
def test_a_bucket_holds_as_many_training_gaps_as_another(timed, dated, running):
    loss, objective, pairs = found(timed, dated, running, buckets=3)
    edges = [sorted(GAPS)[1], sorted(GAPS)[3]]
    assert objective.edges.tolist() == pytest.approx(edges)
    labels = [sum(gap >= edge - 1e-6 for edge in edges) for _, gap in pairs]
    naive = [float(cross_entropy(out, torch.tensor(label))) for (out, _), label in zip(pairs, labels, strict=True)]
    assert labels == [1, 1, 0] and loss == pytest.approx(sum(naive) / 3, rel=1e-5)


def test_equal_quantiles_are_one_bucket(corpus, running):
    objective = TimeGap(running(corpus), replace(corpus, times=torch.arange(8) * 60), buckets=4)
    assert len(objective.edges) == 1 and objective.head.out_features == 2


def test_rows_without_a_gap_cost_nothing(timed, dated, running):
    alone = replace(dated, items=dated.items[:, 2:], times=dated.times[:, 2:])
    for few in (alone, replace(alone, items=alone.items[:, :0], times=alone.times[:, :0])):
        encoder = running(timed)
        (loss,) = TimeGap(encoder, timed)(encoder(few)).values()
        loss.backward()
        assert loss == 0


def test_what_has_no_gaps_is_refused(corpus, timed, running):
    with pytest.raises(CompositionError, match="time_gap needs times"):
        TimeGap(running(corpus), corpus)
    with pytest.raises(CompositionError, match="buckets=1 must be 0 or at least 2"):
        TimeGap(running(timed), timed, buckets=1)
    lonely = replace(timed, items=timed.items[:3], times=TIMES[:3], offsets=torch.tensor([0, 0, 1, 2, 3]))
    with pytest.raises(DataError, match="no user has two training events"):
        TimeGap(running(timed), lonely)
