"""Distillations against loops over positions and items; gradients of the divergence against autograd's."""

import math
from functools import partial

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.pretext import distillations, divergence
from ssrec.pretext.distillations import Logits, TopItems, Vectors


@pytest.fixture
def sides():
    """5 positions of 3 and of 4 dimensions over 7 item rows, and the items that they have."""
    hidden, items = torch.randn(5, 3, requires_grad=True), torch.randn(7, 3, requires_grad=True)
    known = torch.tensor([[0, 1, 2], [0, 0, 0], [3, 4, 5], [1, 2, 6], [0, 0, 6]])
    return hidden, items, torch.randn(5, 4), torch.randn(7, 4), known


def softmax(scores):
    mass = sum(math.exp(s) for s in scores)
    return [math.exp(s) / mass for s in scores]


@pytest.mark.parametrize("budget", [1, 15, 10_000])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_logits_diverge_as_the_loop_says(sides, monkeypatch, budget, temperature):
    monkeypatch.setattr(divergence, "BUDGET", budget)
    hidden, items, theirs, their_items, _ = sides
    total = Logits(3, 4, temperature=temperature)(*sides)
    naive = 0.0
    for p in range(5):
        q = softmax([(hidden[p] @ items[i]).item() / temperature for i in range(1, 7)])
        t = softmax([float(theirs[p] @ their_items[i]) / temperature for i in range(1, 7)])
        naive += temperature**2 * sum(a * (math.log(a) - math.log(b)) for a, b in zip(t, q, strict=True))
    assert total.item() == pytest.approx(naive, rel=1e-5)
    found = torch.autograd.grad(3 * total, (hidden, items))
    logs = [(x @ y[1:].T / temperature).log_softmax(1) for x, y in ((theirs, their_items), (hidden, items))]
    plain = temperature**2 * (logs[0].exp() * (logs[0] - logs[1])).sum()
    for ours, autograds in zip(found, torch.autograd.grad(3 * plain, (hidden, items)), strict=True):
        torch.testing.assert_close(ours, autograds)


def test_a_student_like_its_teacher_pays_nothing(sides):
    hidden, items, _, _, known = sides
    total = Logits(3, 3)(hidden, items, hidden.detach(), items.detach(), known)
    assert total.item() == pytest.approx(0, abs=1e-6)
    for gradient in torch.autograd.grad(total, (hidden, items)):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-6, rtol=0)


@pytest.mark.parametrize("budget", [1, 15, 10_000])
@pytest.mark.parametrize("top", [1, 4, 50])
def test_top_items_are_raised_as_the_loop_says(sides, monkeypatch, budget, top):
    monkeypatch.setattr(distillations, "BUDGET", budget)
    hidden, items, theirs, their_items, known = sides
    total = TopItems(3, 4, top=top, decay=2.0)(*sides)
    naive = 0.0
    shares = [math.exp(-r / 2.0) for r in range(1, min(top, 6) + 1)]
    for p in range(5):
        left = [i for i in range(1, 7) if i not in known[p].tolist()]
        left.sort(key=lambda i: -float(theirs[p] @ their_items[i]))
        for share, i in zip(shares, left, strict=False):
            naive += share / sum(shares) * math.log(1 + math.exp(-(hidden[p] @ items[i]).item()))
    assert total.item() == pytest.approx(naive, rel=1e-5)
    total.backward()
    assert hidden.grad.isfinite().all() and not items.grad[0].any()


def test_vectors_are_compared_after_a_linear_map(sides):
    hidden, _, theirs, _, _ = sides
    match = Vectors(3, 4)
    total = match(*sides)
    naive = 0.0
    for p in range(5):
        mapped = [sum(w * h for w, h in zip(row, hidden[p].tolist(), strict=True)) for row in match.map.weight.tolist()]
        dot = sum(a * b for a, b in zip(mapped, theirs[p].tolist(), strict=True))
        naive += 1 - dot / (math.hypot(*mapped) * float(theirs[p].norm()))
    assert total.item() == pytest.approx(naive, rel=1e-5)
    total.backward()
    assert match.map.weight.grad.any() and hidden.grad.any()


@pytest.mark.parametrize("make", [Logits, TopItems, Vectors])
def test_no_position_costs_nothing(sides, make):
    hidden, items, theirs, their_items, known = sides
    total = make(3, 4)(hidden[:0], items, theirs[:0], their_items, known[:0])
    total.backward()
    assert total == 0


@pytest.mark.parametrize(
    "make", [partial(Logits, temperature=0.0), partial(TopItems, top=0), partial(TopItems, decay=0.0)]
)
def test_settings_outside_their_range_are_refused(make):
    with pytest.raises(CompositionError, match=f"distill: {next(iter(make.keywords))}=0"):
        make(3, 4)
