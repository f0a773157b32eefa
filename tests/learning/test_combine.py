"""Uncertainty against its closed form, PCGrad against the paper's algorithm over flattened gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ssrec import runs
from ssrec.learning.combine import PCGrad, Sum, Uncertainty, projected
from ssrec.train import train


def stepped(combine, losses, parameters):
    return combine.gradients(losses, combine(losses), parameters, lambda loss: loss)


def test_the_sum_is_that_of_all_parts():
    losses = {"a": [torch.tensor(1.0), torch.tensor(2.0)], "b": [torch.tensor(4.0)]}
    assert Sum()(losses) == 7
    assert not list(Sum().parameters()) and not Sum().state_dict(), "checkpoints without it stay whole"


def test_uncertainty_starts_as_the_sum_and_has_the_closed_form():
    combine = Uncertainty(["a", "b"])
    losses = {"a": [torch.tensor(1.5), torch.tensor(0.5)], "b": [torch.tensor(0.25)]}
    assert combine(losses) == 2.25
    a, b = 0.3, -1.1
    with torch.no_grad():
        combine.log_variances["a"].fill_(a)
        combine.log_variances["b"].fill_(b)
    total = combine(losses)
    expected = torch.tensor(-a).exp() * 2 + a / 2 + torch.tensor(-b).exp() * 0.25 + b / 2
    torch.testing.assert_close(total, expected)
    total.backward()
    torch.testing.assert_close(combine.log_variances["a"].grad, 0.5 - 2 * torch.tensor(-a).exp())
    torch.testing.assert_close(combine.logged()["b"], torch.tensor(-b).exp())


@pytest.mark.parametrize("loss", [0.2, 3.0])
def test_uncertainty_ends_where_the_weight_is_half_of_one_over_the_loss(loss):
    combine = Uncertainty(["a"])
    optimizer = torch.optim.Adam(combine.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        combine({"a": [torch.tensor(loss)]}).backward()
        optimizer.step()
    assert combine.logged()["a"].item() == pytest.approx(1 / (2 * loss), rel=1e-3)


def test_an_absent_objective_leaves_its_variance_alone():
    combine = Uncertainty(["a", "b"])
    combine({"a": [torch.tensor(1.0)]}).backward()
    assert combine.log_variances["b"].grad is None


def naive(gradients, orders):
    """Algorithm 1: each gradient loses its component along every other one that it conflicts with, in its order."""
    changed = [g.clone() for g in gradients]
    for i, order in enumerate(orders):
        for j in order:
            along = changed[i] @ gradients[j]
            if j != i and along < 0:
                changed[i] = changed[i] - along / (gradients[j] @ gradients[j]) * gradients[j]
    return torch.stack(changed).sum(0)


@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 2**31))
def test_pcgrad_is_the_papers_algorithm(k, size, seed):
    torch.manual_seed(seed)
    slopes = torch.randn(k, size, dtype=torch.float64)
    first, second = (nn.Parameter(torch.randn(n, dtype=torch.float64)) for n in (2, size - 2))
    losses = {str(i): [slope[:2] @ first, slope[2:] @ second] for i, slope in enumerate(slopes)}
    torch.manual_seed(seed)
    orders = [torch.randperm(k).tolist() for _ in range(k)]
    torch.manual_seed(seed)
    found = torch.cat(stepped(PCGrad(), losses, [first, second]))
    torch.testing.assert_close(found, naive(list(slopes), orders))


def test_gradients_that_agree_are_added_and_opposite_ones_leave_nothing():
    w = nn.Parameter(torch.zeros(2))
    combine = PCGrad()
    (found,) = stepped(combine, {"a": [w @ torch.tensor([1.0, 0.0])], "b": [w @ torch.tensor([1.0, 1.0])]}, [w])
    assert found.tolist() == [2.0, 1.0] and combine.logged()["conflicts"] == 0
    (found,) = stepped(combine, {"a": [w.sum()], "b": [-2 * w.sum()]}, [w])
    assert found.tolist() == [0.0, 0.0] and combine.logged()["conflicts"] == 1


def test_a_gradient_of_zero_conflicts_with_none():
    assert projected(torch.zeros(2, 2, dtype=torch.float64)).tolist() == [1.0, 1.0]


def test_what_one_objective_alone_reaches_keeps_its_gradient():
    shared, own, unused = (nn.Parameter(torch.zeros(2)) for _ in range(3))
    losses = {"a": [shared.sum() + 3 * own.sum()], "b": [-shared.sum()]}
    found = stepped(PCGrad(), losses, [shared, own, unused])
    assert found[0].tolist() == [0.0, 0.0] and found[1].tolist() == [3.0, 3.0] and found[2] is None


def test_the_order_is_drawn_from_torchs_generator():
    torch.manual_seed(0)
    slopes = torch.randn(4, 4)
    products = (slopes @ slopes.T).double()
    torch.manual_seed(1)
    one, other = projected(products), projected(products)
    torch.manual_seed(1)
    assert torch.equal(projected(products), one) and not torch.equal(one, other)


BOTH = ("objective=[next_item,masked_item]", "model.dropout=0.0")


@pytest.mark.parametrize("combine", ["uncertainty", "pcgrad"])
@pytest.mark.parametrize("more", ["hardware.precision=bf16-mixed", "trainer.gradient_clip_val=0.01"])
def test_it_trains_in_half_precision_and_clipped(tiny, combine, more):
    plain, changed = (runs.read(train(tiny(*BOTH, f"combine={combine}", *m))) for m in ([], [more]))
    assert changed["metrics"] != plain["metrics"]
    assert changed["steps"] == plain["steps"] and changed["targets_seen"] == plain["targets_seen"]
