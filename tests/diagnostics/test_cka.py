from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec import runs
from ssrec.diagnostics import cka
from ssrec.diagnostics.cka import linear_cka
from ssrec.errors import CompositionError
from ssrec.train import train


@given(rows=st.integers(3, 20), block=st.integers(1, 60), seed=st.integers(0, 99))
def test_it_is_that_of_gram_matrices(rows, block, seed):
    """The paper's eq. 2: HSIC of centred linear kernels, a row and column for each example."""
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(rows, width, generator=generator, dtype=torch.float64) + 5 for width in (3, 4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cka, "BLOCK", block)
        found = linear_cka(x, y)
    centre = torch.eye(rows, dtype=torch.float64) - 1 / rows
    left, right = (centre @ z @ z.T @ centre for z in (x, y))
    assert found.item() == pytest.approx(float((left * right).sum() / (left.norm() * right.norm())))


def test_rotation_scale_and_shift_change_nothing_and_a_linear_map_does():
    x, y = torch.randn(50, 6), torch.randn(50, 6)
    rotation = torch.linalg.qr(torch.randn(6, 6)).Q
    assert linear_cka(x, 3 * x @ rotation + 1).item() == pytest.approx(1, abs=1e-6)
    assert linear_cka(x @ rotation, y).item() == pytest.approx(linear_cka(x, y).item(), abs=1e-6)
    assert linear_cka(x, y) < 0.5
    assert linear_cka(x, x * torch.tensor([1, 1, 1, 1, 1, 50.0])) < 0.9
    assert linear_cka(x, torch.ones(50, 2)).isnan()


def compared(tiny, other: Path, *overrides: str) -> dict[str, float]:
    found = runs.read(train(tiny("diagnostic=[cka]", f"diagnostic.cka.other={other}", *overrides)))["metrics"]
    return {k: found[f"test/cka_{k}"] for k in ("items", "users")}


def test_a_run_is_like_itself_and_less_like_another(tiny):
    """The same settings train the same weights, whatever observes them."""
    first = train(tiny())
    assert compared(tiny, first) == pytest.approx({"items": 1, "users": 1}, abs=1e-6)
    other = compared(tiny, first, "seed=2")
    assert 0 < other["items"] < 0.9 and other["users"] < 0.999


def test_runs_of_different_models_compare(tiny):
    graph = train(tiny("model=lightgcn", "objective=[bpr]", "model.dim=8"))
    assert all(0 < value < 1 for value in compared(tiny, graph).values())


def test_what_it_refuses(tiny, tmp_path):
    with pytest.raises(CompositionError, match=r"nothing is not the folder of a finished run: it has no result\.json"):
        compared(tiny, tmp_path / "nothing")
    with pytest.raises(CompositionError, match="fitted in closed form has no vectors"):
        compared(tiny, train(tiny("recipe=markov")))
    with pytest.raises(CompositionError, match=r"has the dataset .*, and this run has"):
        compared(tiny, train(tiny("recipe=markov", "dataset.users=50")))
    with pytest.raises(CompositionError, match=r"has the split .*, and this run has"):
        compared(tiny, train(tiny("recipe=markov", "split.history=frozen")))
