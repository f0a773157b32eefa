"""When a value counts as reproduced."""

import pytest

from ssrec.reproduce.reference import Reference, reference

VALUES = [(0.095, -0.05, True), (0.1, 0, True), (0.105, 0.05, True), (0.0949, -0.051, False), (0.1051, 0.051, False)]


@pytest.mark.parametrize("value, off, met", VALUES)
def test_within_is_a_share_of_the_published_value(value, off, met):
    published = Reference({"ndcg@10": 0.1}, "a paper", within=0.05 + 1e-12)
    assert published.off("ndcg@10", value) == pytest.approx(off)
    assert published.met("ndcg@10", value) is met


def test_of_a_value_below_0_a_larger_one_is_larger():
    published = Reference({"lift@10": -0.2}, "a paper", within=0.1, or_above=True)
    assert published.off("lift@10", -0.1) == pytest.approx(0.5) and published.off("lift@10", -0.3) == pytest.approx(
        -0.5
    )
    assert published.met("lift@10", -0.1) and not published.met("lift@10", -0.3)


def test_or_above_takes_any_larger_value():
    published = Reference({"ndcg@10": 0.1}, "a paper", or_above=True)
    assert published.met("ndcg@10", 0.5) and not published.met("ndcg@10", 0.09)
    assert published.words == "within 5 % or above"


@pytest.mark.parametrize(
    "said, within, or_above", [("5%", 0.05, False), ("2.5 %", 0.025, False), ("3% or above", 0.03, True)]
)
def test_within_is_read(said, within, or_above):
    found = reference("here", {"ndcg@10": 0.1, "source": "a paper", "within": said})
    assert (found.within, found.or_above) == (pytest.approx(within), or_above)
