import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from representations import DATA, corpus, seen

from ssrec.diagnostics import vectors
from ssrec.diagnostics.spectrum import Spectrum, energy, singular_values
from ssrec.errors import CompositionError


@given(rows=st.integers(1, 40), width=st.integers(1, 6), block=st.integers(1, 50), seed=st.integers(0, 99))
def test_blocks_give_the_values_of_the_whole(rows, width, block, seed):
    x = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BLOCK", block)
        found = singular_values(x)
    torch.testing.assert_close(found, torch.linalg.svdvals(x.double()), atol=1e-10, rtol=0)


def test_small_values_are_exact():
    axes = torch.linalg.qr(torch.randn(50, 3, dtype=torch.float64)).Q
    wanted = torch.tensor([1.0, 1e-5, 1e-10], dtype=torch.float64)  # squared, the last is lost beside the first
    torch.testing.assert_close(singular_values(axes * wanted), wanted, rtol=1e-4, atol=0)


def test_shares_and_picture():
    items = torch.diag(torch.tensor([3.0, 2.0, 1.0, 0.0, 0.0]))
    found = Spectrum(corpus(), DATA, ks=(1, 2, 9))(seen(items, torch.zeros(2, 5)))
    shares = {k: float(v) for k, v in found.numbers.items()}
    assert shares["spectrum_items@1"] == pytest.approx(9 / 14)
    assert shares["spectrum_items@2"] == pytest.approx(13 / 14)
    assert shares["spectrum_items@9"] == pytest.approx(1)
    assert energy(singular_values(torch.zeros(3, 2)), 1).isnan()
    assert list(found.pictures["spectrum"].lines) == ["items"], "of vectors that are all zero there is no spectrum"
    torch.testing.assert_close(
        found.pictures["spectrum"].lines["items"], torch.tensor([1, 2 / 3, 1 / 3, 0, 0], dtype=torch.float64)
    )
    for wrong in ((), (0, 1)):
        with pytest.raises(CompositionError, match="ks is"):
            Spectrum(corpus(), DATA, ks=wrong)
