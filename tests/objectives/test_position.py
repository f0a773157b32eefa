"""position against a loop over the items of shuffled rows."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ssrec.batch import PAD
from ssrec.objectives.position import Position


@pytest.mark.parametrize("causal", [True, False])
@torch.no_grad()
def test_each_item_says_where_it_stood_counted_from_the_end(corpus, batch, running, causal):
    """Items of a row differ, so that the place of each can be looked up."""
    rows = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7], [0, 0, 0, 5]]).repeat(20, 1)
    many = torch.arange(60)
    batch = replace(batch, rows=many, user=many, items=rows[:, :3], target=rows[:, 3:])
    encoder = running(corpus, causal=causal, max_length=5)
    objective = Position(encoder, corpus)
    encoder.passes.clear()
    (loss,) = objective(encoder(batch)).values()
    ((seen, as_causal),) = encoder.passes
    assert as_causal == causal and not torch.equal(seen, rows)
    hidden = encoder.encode(seen, causal)
    naive = []
    for b in range(60):
        was = rows[b].tolist()
        if was.count(PAD) == 3:
            continue
        for t in range(4):
            if seen[b, t] != PAD:
                place = torch.tensor(3 - was.index(int(seen[b, t])))
                naive.append(float(F.cross_entropy(objective.head(hidden[b, t]), place)))
    assert len(naive) == 140 and objective.head.out_features == 5
    assert loss.item() == pytest.approx(sum(naive) / 140, rel=1e-5)


def test_a_row_of_one_item_has_nothing_to_tell(corpus, batch, running):
    encoder = running(corpus)
    (loss,) = Position(encoder, corpus)(encoder(replace(batch, items=batch.items * 0))).values()
    loss.backward()
    assert loss == 0
