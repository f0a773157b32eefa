"""Which phases a batch goes through, and which of them share an optimizer."""

import pytest
import torch
from torch import nn

from ssrec.learning.phases import Phase, due, of_epoch, optimizers_of

A, B = (nn.Parameter(torch.zeros(1)) for _ in range(2))


def phases(unit, *lengths):
    return [Phase({}, {"a": A}, {}, length, unit) for length in lengths]


def test_every_batch_goes_through_all_phases_step_by_step():
    assert [due(phases("steps", 2, 1), epoch, 3 * epoch) for epoch in range(3)] == [[0, 0, 1]] * 3
    assert due([Phase({}, {})], 0, 0) == [0]


def test_phases_take_turns_by_batches_over_the_ends_of_epochs():
    taken = [due(phases("batches", 2, 1), step // 4, step) for step in range(7)]
    assert taken == [[0], [0], [1], [0], [0], [1], [0]]


def test_phases_take_turns_by_epochs():
    taken = [due(phases("epochs", 3, 1), epoch, 10 * epoch) for epoch in range(6)]
    assert taken == [[0], [0], [0], [1], [0], [0]]


@pytest.mark.parametrize(("unit", "expected"), [("steps", [0, 1]), ("batches", [0, 1]), ("epochs", [1])])
def test_an_epoch_may_have_all_phases_or_its_own(unit, expected):
    assert of_epoch(phases(unit, 3, 1), 3) == expected


def test_phases_that_move_the_same_parameters_alike_share_an_optimizer():
    alike = [Phase({}, {"a": A}), Phase({}, {"b": B}), Phase({}, {"a": A}), Phase({}, {"a": A}, {"lr": 1.0})]
    assert optimizers_of(alike) == [0, 1, 0, 2]
    assert optimizers_of([Phase({}, {"a": A, "b": B}), Phase({}, {"b": B, "a": A}), Phase({}, {"a": A})]) == [0, 0, 1]
