"""pair_bce against a loop over pairs and the negatives that it drew."""

import math
from functools import partial

import pytest
import torch

from ssrec.batch import Batch
from ssrec.errors import CompositionError
from ssrec.interactions import MLP, Additive, Dot
from ssrec.models.pair_scorer import PairScorer
from ssrec.models.table import IdSource, Table
from ssrec.objectives.pair_bce import PairBCE
from ssrec.views.bag import hold_out

KINDS = {"additive": Additive, "dot": lambda: Dot(6), "mlp": lambda: MLP([6, 4])}


def build(corpus, kind="dot"):
    torch.manual_seed(0)
    return PairScorer(corpus, interaction=KINDS[kind](), table=partial(Table, sources={"id": IdSource}))


def rows(corpus, users):
    user = torch.tensor(users, dtype=torch.long)
    nothing = user.new_zeros(len(user), 0)
    return Batch(user, user, nothing, nothing, seen=corpus.history.select(user), kind="history")


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_the_part_equals_the_loop(corpus, kind, share):
    encoder, batch = build(corpus, kind), rows(corpus, [2, 1, 3])
    objective = PairBCE(encoder, corpus, negatives=3, hold_out=share)
    x = encoder(batch)
    torch.manual_seed(7)
    parts = objective(x)
    torch.manual_seed(7)
    inputs, labels = hold_out(x.bag, share) if share else (x.bag, x.bag)
    assert len(labels.values) > 0 and (len(labels.values) < len(x.bag.values)) == bool(share)
    drawn = objective.unmet(batch.user[labels.rows, None].expand(-1, 3)).tolist()
    scores = x.view(inputs).scores().tolist()
    total = 0.0
    for row, item, others in zip(labels.rows.tolist(), labels.values.tolist(), drawn, strict=True):
        total += math.log(1 + math.exp(-scores[row][item]))
        total += sum(math.log(1 + math.exp(scores[row][other])) for other in others)
    assert list(parts) == ["pair_bce"]
    assert parts["pair_bce"].item() == pytest.approx(total / len(labels.values), rel=1e-5)
    parts["pair_bce"].backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_a_negative_is_no_item_of_the_users_history(corpus):
    objective = PairBCE(build(corpus), corpus)
    drawn = objective.unmet(torch.full((500,), 2))
    assert not torch.isin(drawn, torch.tensor([4, 5, 6, 7])).any()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_no_rows_cost_nothing(corpus, share):
    encoder = build(corpus)
    (part,) = PairBCE(encoder, corpus, hold_out=share)(encoder(rows(corpus, []))).values()
    part.backward()
    assert part == 0


def test_settings_out_of_range_are_refused(corpus):
    for settings, words in (({"negatives": 0}, "negatives=0"), ({"hold_out": 1.0}, "hold_out=1"),
                            ({"hold_out": -0.1}, "hold_out=-0.1")):  # fmt: skip
        with pytest.raises(CompositionError, match=f"pair_bce: {words}"):
            PairBCE(build(corpus), corpus, **settings)
