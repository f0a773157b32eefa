"""Noise on vectors, row by row."""

import torch
from torch.testing import assert_close

from ssrec.noise import uniform_noise


def test_noise_has_its_length_and_the_signs_of_its_row():
    torch.manual_seed(0)
    x = torch.randn(50, 8)
    x[3] = 0.0
    torch.manual_seed(1)
    noise = uniform_noise(x, 0.3) - x
    torch.manual_seed(1)
    drawn = torch.rand(50, 8)
    for row in range(50):
        expected = 0.3 * drawn[row] / drawn[row].norm() * x[row].sign()
        assert_close(noise[row], expected, rtol=1e-4, atol=1e-6)
    assert not noise[3].any()
    assert_close(noise[0].norm(), torch.tensor(0.3))
