"""Weighted draws against a loop and against their exact distribution."""

import itertools
import math

import torch
from rankings import ragged

from ssrec.draws import draw

MET, WEIGHTS = [[1, 2], [], [3]], torch.tensor([0.0, 1, 2, 3, 4, 0], dtype=torch.double)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_draw_against_a_loop():
    drawn = draw(ragged(MET), WEIGHTS, 2, seeded(1)).tolist()
    uniform = torch.rand(3, 6, dtype=torch.double, generator=seeded(1)).tolist()
    for row, (taken, numbers) in enumerate(zip(MET, uniform, strict=True)):
        arrivals = [(-math.log(1 - numbers[i]) / w, i) for i, w in enumerate(WEIGHTS.tolist()) if w and i not in taken]
        assert drawn[row] == [i for _, i in sorted(arrivals)[:2]]


def test_blocks_are_of_no_account(monkeypatch):
    whole = draw(ragged(MET * 20), WEIGHTS, 2, seeded(2))
    monkeypatch.setattr("ssrec.draws.CELLS", 42)
    assert torch.equal(draw(ragged(MET * 20), WEIGHTS, 2, seeded(2)), whole)


def chi_square(counts: list[int], shares: list[float]) -> float:
    total = sum(counts)
    return sum((c - total * s) ** 2 / (total * s) for c, s in zip(counts, shares, strict=True))


def test_a_draw_is_one_by_one_without_replacement_in_proportion_to_weights():
    """Of items 1 to 5, of which 4 is met and 5 has no weight, two in order: six outcomes, known shares."""
    weights = torch.tensor([0.0, 5.0, 2.0, 1.0, 9.0, 0.0], dtype=torch.double)
    n = 20_000
    drawn = draw(ragged([[4]] * n), weights, 2, seeded(5)).tolist()
    w = {1: 5.0, 2: 2.0, 3: 1.0}
    pairs = list(itertools.permutations(w, 2))
    shares = [w[a] / 8 * w[b] / (8 - w[a]) for a, b in pairs]
    counts = [drawn.count(list(pair)) for pair in pairs]
    assert sum(counts) == n
    assert chi_square(counts, shares) < 20.5  # the 99.9th percentile of 5 degrees of freedom
    assert chi_square(counts, [1 / 6] * 6) > 1000
