"""History against a loop over pasts."""

from dataclasses import replace

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.models.history import History
from ssrec.runs import read
from ssrec.train import checked, stages, train

PASTS = [[4, 2, 4, 7], [3], [], [1, 1, 9]]


def naive(past, item, floor):
    return max((n for n, met in enumerate(past, 1) if met == item), default=0) + floor


def test_the_latest_stands_first_and_popularity_breaks_ties(corpus, histories, make_batch):
    flat = [i for row in histories for i in row]
    top = max(flat.count(i) for i in range(10)) + 1
    for backoff in (True, False):
        scores = History(corpus, backoff=backoff)(make_batch(PASTS)).scores()
        expected = [[naive(past, i, backoff * flat.count(i) / top) for i in range(10)] for past in PASTS]
        torch.testing.assert_close(scores, torch.tensor(expected))


def test_it_reads_the_full_past_not_the_truncated_one(corpus, make_batch):
    model, batch = History(corpus), make_batch(PASTS)
    assert torch.equal(model(replace(batch, items=batch.items[:, -1:])).scores(), model(batch).scores())
    with pytest.raises(CompositionError, match="history reads each row's full past"):
        model(replace(batch, seen=None)).scores()


@pytest.mark.parametrize("masked", ["true", "zero"])
def test_it_is_refused_where_the_past_is_kept_out(tiny, masked):
    with pytest.raises(CompositionError, match=f"mask_seen={masked} leaves none of it; say mask_seen=false"):
        checked(stages(tiny("recipe=history", f"mask_seen={masked}"))[0], starts=False)


def test_it_finds_what_users_come_back_to(tiny):
    repeated = read(train(tiny("recipe=history", "metric=[ndcg]")))
    assert repeated["protocol"]["mask_seen"] is False and "test/ndcg@10" in repeated["metrics"]
