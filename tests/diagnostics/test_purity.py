import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from representations import DATA, corpus, seen

from ssrec.diagnostics import vectors
from ssrec.diagnostics.purity import Purity, chance, neighbour_purity
from ssrec.errors import CompositionError


@given(n=st.integers(2, 15), k=st.integers(1, 4), block=st.integers(1, 60), seed=st.integers(0, 99))
def test_it_is_that_of_a_loop(n, k, block, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(1, 4, (n,), generator=generator)
    asked = torch.randperm(n, generator=generator)[: n // 2 + 1].sort().values
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BLOCK", block)
        found = neighbour_purity(x, labels, (k, 99), asked)
    assert found[99].isnan()
    if k >= n:
        assert found[k].isnan()
        return
    shares = []
    for i in asked.tolist():
        others = sorted((j for j in range(n) if j != i), key=lambda j: -float(x[i] @ x[j]))[:k]
        shares.append(sum(bool(labels[j] == labels[i]) for j in others) / k)
    assert found.keys() == {k, 99}
    assert found[k].item() == pytest.approx(sum(shares) / len(shares))
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    assert chance(labels).item() == pytest.approx(sum(bool(labels[i] == labels[j]) for i, j in pairs) / len(pairs))


def test_by_cosine_and_first_category_over_trained_items_that_have_both():
    """First categories of items 1 to 5: a, a, a, b, b; each longer than the one before it."""
    angles = torch.tensor([0.0, 0.1, 0.2, 3.0, 3.1], dtype=torch.float64)
    items = torch.stack([angles.cos(), angles.sin()], dim=1) * torch.arange(1, 6)[:, None]
    found = Purity(corpus(), DATA, ks=(1, 2))(seen(items)).numbers
    assert {k: float(v) for k, v in found.items()} == pytest.approx(
        {"purity@1": 1.0, "purity@2": (3 + 0.5 + 0.5) / 5, "purity_chance": 8 / 20}
    )
    items[0] = 0  # no direction, no neighbours
    found = Purity(corpus(), DATA, ks=(1, 2))(seen(items)).numbers
    assert float(found["purity@2"]) == pytest.approx(0.5) and float(found["purity_chance"]) == pytest.approx(4 / 12)


def test_what_it_refuses():
    for wrong in ({"ks": ()}, {"ks": (0,)}, {"sample": 0}):
        with pytest.raises(CompositionError):
            Purity(corpus(), DATA, **wrong)
