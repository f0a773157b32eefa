"""category_next against a loop over labels."""

from dataclasses import replace

import pytest
import torch

from ssrec.batch import PAD
from ssrec.errors import CompositionError
from ssrec.objectives.category_next import CategoryNext

HAS = {1: [0], 2: [0, 1], 3: [], 4: [2], 5: [1, 2], 6: [0], 7: [2]}


@pytest.fixture
def objective(named, running):
    made = CategoryNext(running(named), named)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def naive(objective, pairs):
    """The mean of -log softmax over an item's names, over labels that have one."""
    costs = []
    for hidden, label in pairs:
        chances = (objective.names.map(hidden) @ objective.names.vectors.weight[1:].T).log_softmax(0)
        if HAS[int(label)]:
            costs.append(-sum(float(chances[name]) for name in HAS[int(label)]) / len(HAS[int(label)]))
    return sum(costs) / len(costs)


@torch.no_grad()
def test_over_windows_every_position_predicts_the_item_after_it(named, batch, running, objective):
    x = running(named)(batch)
    (loss,) = objective(x).values()
    where = [(b, t) for b in range(3) for t in range(3) if batch.items[b, t] != PAD and batch.whole[b, t + 1] != PAD]
    assert len(where) == 5
    expected = naive(objective, [(x.hidden[b, t], batch.whole[b, t + 1]) for b, t in where])
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@torch.no_grad()
def test_over_prefixes_the_user_predicts_the_target(named, batch, running, objective):
    x = running(named)(replace(batch, kind="prefix"))
    (loss,) = objective(x).values()
    expected = naive(objective, [(x.users[b], batch.target[b, 0]) for b in (0, 2)])
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_a_pass_that_would_see_its_labels_is_refused(named, batch, running, objective):
    with pytest.raises(CompositionError, match="category_next over window rows needs a causal pass"):
        objective(running(named, causal=False)(batch))


def test_labels_without_a_name_cost_nothing(named, batch, running, objective):
    x = running(named)(replace(batch, items=batch.items[:, :1] * 0, target=torch.full((3, 1), 3), kind="prefix"))
    (loss,) = objective(x).values()
    loss.backward()
    assert loss == 0
