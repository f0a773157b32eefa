from itertools import permutations
from math import exp, log

import pytest
import torch
from representations import DATA, corpus, seen

from ssrec.diagnostics import vectors
from ssrec.diagnostics.uniformity import Uniformity, uniformity
from ssrec.errors import CompositionError


def by_hand(x: torch.Tensor, t: float) -> float:
    x = x.double() / x.double().norm(dim=1, keepdim=True)
    kernel = [exp(-t * float(((a - b) ** 2).sum())) for a, b in permutations(x, 2)]
    return log(sum(kernel) / len(kernel))


@pytest.mark.parametrize("t", [0.5, 2.0, 20.0])
@pytest.mark.parametrize("block", [1, 30, 2**22])
def test_it_is_that_of_all_pairs(monkeypatch, t, block):
    monkeypatch.setattr(vectors, "BLOCK", block)
    x = torch.randn(11, 3)
    assert uniformity(x, t).item() == pytest.approx(by_hand(x, t), rel=1e-9)
    assert uniformity(torch.cat([x, torch.zeros(2, 3)]), t).item() == pytest.approx(by_hand(x, t), rel=1e-9)


def test_its_ends():
    assert uniformity(torch.ones(4, 3)).item() == pytest.approx(0)
    assert uniformity(torch.tensor([[1.0], [-1.0]])).item() == pytest.approx(-8)
    assert uniformity(torch.ones(1, 3)).isnan()
    spread, cone = torch.randn(500, 8), torch.randn(500, 8) + 3
    assert uniformity(spread) < uniformity(cone) < 0


def test_a_sample_is_the_same_at_every_call():
    ask = Uniformity(corpus(), DATA, sample=3)
    x = seen(torch.randn(5, 2), torch.randn(4, 2))
    state = torch.get_rng_state()
    first, second = ask(x).numbers, ask(x).numbers
    assert torch.equal(state, torch.get_rng_state()), "it draws from the run's generator"
    assert first == second and set(first) == {"uniformity_items", "uniformity_users"}
    assert first["uniformity_items"] != uniformity(x.items)
    for wrong in ({"t": 0.0}, {"sample": 1}, {"every": 0}):
        with pytest.raises(CompositionError):
            Uniformity(corpus(), DATA, **wrong)
