from itertools import permutations

import pytest
import torch
from representations import DATA, corpus, seen

from ssrec.diagnostics.anisotropy import Anisotropy, anisotropy


def test_it_is_the_mean_cosine_of_all_pairs():
    x = torch.randn(9, 4, dtype=torch.float64)
    cosines = [float(a @ b / (a.norm() * b.norm())) for a, b in permutations(x, 2)]
    assert anisotropy(x).item() == pytest.approx(sum(cosines) / len(cosines))
    found = Anisotropy(corpus(), DATA)(seen(x[:5], x)).numbers
    assert found["anisotropy_users"] == pytest.approx(sum(cosines) / len(cosines))


def test_its_ends():
    assert anisotropy(torch.ones(4, 3)).item() == pytest.approx(1)
    assert anisotropy(torch.tensor([[1.0], [-2.0]])).item() == pytest.approx(-1)
    assert anisotropy(torch.eye(5)).item() == pytest.approx(0, abs=1e-12)
    assert anisotropy(torch.ones(1, 3)).isnan()
