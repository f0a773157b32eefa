import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from representations import DATA, corpus, seen

from ssrec.diagnostics.popularity_norm import PopularityNorm, average_ranks, pearson, spearman

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30)


@given(PAIRS)
def test_they_are_scipys(pairs):
    x, y = torch.tensor(pairs, dtype=torch.float64).T
    assert average_ranks(x).tolist() == scipy.stats.rankdata(x.numpy()).tolist()
    if len(set(x.tolist())) == 1 or len(set(y.tolist())) == 1:
        assert spearman(x, y).isnan() and pearson(x, y).isnan()
        return
    assert pearson(x, y).item() == pytest.approx(scipy.stats.pearsonr(x.numpy(), y.numpy())[0], abs=1e-12)
    assert spearman(x, y).item() == pytest.approx(scipy.stats.spearmanr(x.numpy(), y.numpy())[0], abs=1e-12)


def test_a_constant_has_no_correlation_whatever_rounding_says():
    assert pearson(torch.full((7,), 0.1, dtype=torch.float64), torch.arange(7.0, dtype=torch.float64)).isnan()
    nothing = torch.zeros(0, dtype=torch.float64)
    assert pearson(nothing, nothing).isnan()


def test_length_against_the_number_of_events():
    """Items 1 to 5 have 1 to 5 events."""
    directions = torch.nn.functional.normalize(torch.randn(5, 3, dtype=torch.float64), dim=1)
    logs = torch.arange(1, 6).double().log()
    found = PopularityNorm(corpus(), DATA)(seen(directions * (1 + logs)[:, None])).numbers
    assert [float(v) for v in found.values()] == pytest.approx([1, 1])
    found = PopularityNorm(corpus(), DATA)(seen(directions * (9 - logs.square())[:, None])).numbers
    assert float(found["popularity_norm_spearman"]) == pytest.approx(-1)
    assert -1 < float(found["popularity_norm_pearson"]) < -0.9
