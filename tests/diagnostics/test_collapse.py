import pytest
import torch
from representations import DATA, corpus, seen

from ssrec.diagnostics import vectors
from ssrec.diagnostics.collapse import Collapse, dead, deviations
from ssrec.errors import CompositionError


@pytest.mark.parametrize("block", [1, 2**22])
def test_deviations_are_those_of_the_columns(monkeypatch, block):
    monkeypatch.setattr(vectors, "BLOCK", block)
    x = torch.randn(20, 3) + 1e4
    torch.testing.assert_close(deviations(x), x.double().std(0, correction=0))


def test_dead_dimensions_are_counted():
    assert dead(torch.tensor([1.0, 0.01, 0.5, 0.0], dtype=torch.float64), 0.01) == 0.5
    assert dead(torch.zeros(4, dtype=torch.float64), 0.01) == 1


def test_it_warns_of_dead_dimensions_and_of_collapse():
    sound = torch.randn(40, 8)
    found = Collapse(corpus(), DATA)(seen(torch.randn(5, 8), sound))
    assert found.numbers["dead_users"] == 0 and not found.warnings
    half = sound * torch.tensor([1.0] * 6 + [1e-3] * 2)
    found = Collapse(corpus(), DATA)(seen(torch.randn(5, 8), half))
    assert found.numbers["dead_users"] == 0.25
    assert found.warnings == {
        "dead users": "2 of 8 dimensions of the vectors of users are dead: "
        "they vary at most 0.01 times as much as the widest one"
    }
    line = torch.randn(40, 1) @ torch.randn(1, 8)
    found = Collapse(corpus(), DATA, rank=0.2)(seen(torch.randn(5, 8), line))
    assert found.warnings == {
        "collapsed users": "the vectors of users have collapsed: their effective rank is 1.0 of 8"
    }
    found = Collapse(corpus(), DATA)(seen(torch.zeros(5, 8), sound))
    assert found.warnings["collapsed items"] == "the vectors of items have collapsed: they are all zero"


def test_of_no_vectors_nothing_is_known():
    found = Collapse(corpus(), DATA)(seen(torch.randn(5, 8), torch.zeros(0, 8), []))
    assert found.numbers["dead_users"].isnan() and found.numbers["dead_items"] == 0 and not found.warnings


def test_one_constant_dimension_is_tolerated():
    """A model whose bias is a column has users with a one there."""
    users = torch.cat([torch.randn(40, 19), torch.ones(40, 1)], dim=1)
    found = Collapse(corpus(), DATA)(seen(torch.randn(5, 20), users))
    assert found.numbers["dead_users"] == pytest.approx(0.05) and not found.warnings


def test_what_it_refuses():
    for wrong in ({"least": -0.1}, {"tolerated": 2.0}, {"rank": 1.5}):
        with pytest.raises(CompositionError, match="is a share"):
            Collapse(corpus(), DATA, **wrong)
