"""Rotary and linear positions against complex numbers and loops."""

import cmath

import pytest
import torch
import torch.nn.functional as F

from ssrec.positions import alibi, from_end, from_start, rotate


def test_places_count_from_either_end():
    real = torch.tensor([[False, True, True], [True, True, True], [False, False, False]])
    assert from_start(real).tolist() == [[0, 0, 1], [0, 1, 2], [0, 0, 0]]
    assert from_end(3, real.device).tolist() == [2, 1, 0]


def test_rotation_multiplies_by_complex_numbers():
    x = torch.randn(2, 3, 5, 6)
    y = rotate(x)
    for t in range(5):
        for c in range(3):
            turn = cmath.exp(1j * (t - 4) * 10000 ** (-2 * c / 6))
            expected = torch.complex(x[:, :, t, c], x[:, :, t, c + 3]) * turn
            torch.testing.assert_close(torch.complex(y[:, :, t, c], y[:, :, t, c + 3]), expected)


def test_rotated_products_depend_on_the_distance_alone_and_not_on_padding():
    q, k = torch.randn(2, 1, 1, 1, 8).expand(2, 1, 1, 6, 8)
    products = (rotate(q) @ rotate(k).transpose(-1, -2))[0, 0]
    for distance in range(-5, 6):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert products[0].unique().numel() == 6
    assert torch.equal(rotate(F.pad(q, (0, 0, 3, 0)))[:, :, 3:], rotate(q))


def test_rotation_keeps_precision_and_type():
    x = torch.randn(1, 1, 200, 8)
    torch.testing.assert_close(rotate(x).norm(dim=-1), x.norm(dim=-1))
    assert rotate(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("heads", [1, 3, 8])
def test_linear_biases_are_those_of_a_loop(heads):
    bias = alibi(heads, 4, torch.device("cpu"))
    for h in range(heads):
        for i in range(4):
            for j in range(4):
                assert float(bias[h, i, j]) == pytest.approx(-(2 ** (-8 * (h + 1) / heads)) * abs(i - j))
