"""order against a loop over rows, and what it puts out of order."""

import math
from dataclasses import replace

import pytest
import torch

from ssrec.batch import PAD
from ssrec.objectives.order import Order


@pytest.fixture
def full(batch):
    """Thirty rows: of three, four and one item in turn, and of two equal ones."""
    items = torch.tensor([[0, 1, 2], [4, 5, 6], [0, 0, 0], [0, 0, 3]]).repeat(30, 1)
    target = torch.tensor([[3], [7], [7], [3]]).repeat(30, 1)
    rows = torch.arange(120)
    return replace(batch, rows=rows, user=rows, items=items, target=target)


@pytest.mark.parametrize("task", ["shuffled", "spans"])
@pytest.mark.parametrize("pool", ["last", "mean"])
@pytest.mark.parametrize("causal", [True, False])
@torch.no_grad()
def test_half_of_the_rows_are_out_of_order(corpus, full, running, task, pool, causal):
    encoder = running(corpus, causal=causal)
    objective = Order(encoder, corpus, task=task, pool=pool)
    torch.nn.init.normal_(objective.head.weight, std=3.0)
    encoder.passes.clear()
    (loss,) = objective(encoder(full)).values()
    ((seen, as_causal),) = encoder.passes
    assert as_causal == causal
    hidden = encoder.encode(seen, causal)
    naive, moved = [], []
    for b in range(120):
        was, now = full.whole[b].tolist(), seen[b].tolist()
        assert sorted(was) == sorted(now) and [i == PAD for i in was] == [i == PAD for i in now]
        real = [t for t in range(4) if was[t] != PAD]
        if len(real) < 2:
            continue
        items = [was[t] for t in real]
        if task == "spans":
            half = len(items) // 2
            assert [now[t] for t in real] in (items, items[half:] + items[:half])
        vector = hidden[b, -1] if pool == "last" else hidden[b, real].mean(0)
        logit = float(objective.head(vector))
        naive.append(math.log(1 + math.exp(-logit if was != now else logit)))
        moved.append(was != now)
    assert loss.item() == pytest.approx(sum(naive) / len(naive), rel=1e-4)
    assert len(naive) == 90 and not any(moved[2::3]), "equal items have but one order"
    assert 15 <= sum(moved) <= 45


def test_a_row_of_one_item_costs_nothing(corpus, batch, running):
    encoder = running(corpus)
    (loss,) = Order(encoder, corpus)(encoder(replace(batch, items=batch.items * 0, target=batch.target))).values()
    loss.backward()
    assert loss == 0
