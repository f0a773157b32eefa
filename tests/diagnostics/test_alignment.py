import pytest
import torch
from representations import DATA, corpus, seen

from ssrec.diagnostics.alignment import Alignment, alignment


def test_it_is_the_mean_squared_distance_at_unit_length():
    x, y = torch.randn(7, 3), torch.randn(7, 3)
    by_hand = [((a / a.norm() - b / b.norm()) ** 2).sum().item() for a, b in zip(x, y, strict=True)]
    assert alignment(x, y).item() == pytest.approx(sum(by_hand) / 7, rel=1e-5)
    assert alignment(x, 3 * x).item() == pytest.approx(0, abs=1e-12)
    assert alignment(x, -x).item() == pytest.approx(4)


def test_a_zero_vector_has_no_direction():
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    y = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert alignment(x, y).item() == pytest.approx(2)
    assert alignment(x[:1], y[:1]).isnan()


def test_users_are_held_against_their_trained_targets():
    items, users = torch.randn(5, 4), torch.randn(3, 4)
    found = Alignment(corpus(), DATA)(seen(items, users, [[2, 5], [6], [1, 6]]))
    pairs = [(0, 2), (0, 5), (2, 1)]  # item 6 is not trained
    expected = alignment(torch.stack([users[u] for u, _ in pairs]), torch.stack([items[i - 1] for _, i in pairs]))
    assert found.numbers["alignment"] == pytest.approx(float(expected))
