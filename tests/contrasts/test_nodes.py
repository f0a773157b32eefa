"""NodeContrast against loops over anchors and negatives, and on two processes against one."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from two_processes import check_against_one, loss_and_gradient

from ssrec.contrasts.nodes import NodeContrast, anchors_of
from ssrec.errors import CompositionError

USER_ROWS, ITEM_ROWS = 5, 8


def naive(first, second, ids, settings):
    """-log softmax of each anchor's own row: a loop over the edges or nodes, and one over what it is told from."""
    some = ids if settings["anchors"] == "edges" else sorted(set(ids))
    others = sorted(set(ids)) if settings["negatives"] == "batch" else range(1, len(first))

    def similarity(a, b):
        dot = float(a @ b)
        return dot / float(a.norm() * b.norm()) if settings["similarity"] == "cosine" else dot

    total = 0.0
    for i in some:
        logits = {j: similarity(first[i], second[j]) / settings["temperature"] for j in others}
        own = logits[i] if settings["clamp"] is None else max(-settings["clamp"], min(settings["clamp"], logits[i]))
        total += math.log(sum(map(math.exp, logits.values()))) - own
    return total / max(len(some), 1) if settings["reduction"] == "mean" else total


@given(
    negatives=st.sampled_from(["batch", "all"]),
    anchors=st.sampled_from(["unique", "edges"]),
    similarity=st.sampled_from(["cosine", "dot"]),
    reduction=st.sampled_from(["mean", "sum"]),
    clamp=st.sampled_from([None, 0.5]),
    edges=st.lists(st.tuples(st.integers(1, USER_ROWS - 1), st.integers(1, ITEM_ROWS - 1)), max_size=9),
    seed=st.integers(0, 99),
)
def test_it_is_the_loop_over_anchors_and_negatives(edges, seed, **settings):
    settings["temperature"] = 0.4
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(USER_ROWS + ITEM_ROWS, 3, generator=generator) for _ in range(2))
    users, items = [u for u, _ in edges], [i for _, i in edges]
    contrast = NodeContrast(**settings, user_weight=2.0, item_weight=0.5)
    parts = contrast(first, second, torch.tensor(users).long(), torch.tensor(items).long(), USER_ROWS)
    assert list(parts) == ["users", "items"]
    expected = naive(first[:USER_ROWS], second[:USER_ROWS], users, settings)
    assert parts["users"].item() == pytest.approx(2 * expected, rel=1e-4, abs=1e-5)
    expected = naive(first[USER_ROWS:], second[USER_ROWS:], items, settings)
    assert parts["items"].item() == pytest.approx(0.5 * expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("negatives", ["batch", "all"])
def test_gradients_are_those_of_a_plain_cross_entropy(negatives):
    plain = [torch.randn(USER_ROWS + ITEM_ROWS, 3, requires_grad=True) for _ in range(2)]
    ours = [x.detach().clone().requires_grad_() for x in plain]
    ids = torch.tensor([4, 1, 4])
    contrast = NodeContrast(negatives=negatives, similarity="dot", user_weight=0.0, clamp=1e9)
    (loss,) = contrast(*ours, ids, ids, USER_ROWS).values()
    loss.backward()
    among = torch.tensor([1, 4]) if negatives == "batch" else torch.arange(1, ITEM_ROWS)
    logits = plain[0][USER_ROWS + torch.tensor([1, 4])] @ plain[1][USER_ROWS + among].T / 0.2
    torch.nn.functional.cross_entropy(logits, torch.searchsorted(among, torch.tensor([1, 4]))).backward()
    for a, b in zip(ours, plain, strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_it_is_in_fp32_also_in_half():
    first, second = torch.randn(2, USER_ROWS + ITEM_ROWS, 8).unbind()
    ids = torch.tensor([1, 2, 3])
    contrast = NodeContrast(temperature=0.01)
    expected = contrast(first, second, ids, ids, USER_ROWS)
    with torch.autocast("cpu", torch.bfloat16):
        assert contrast(first, second, ids, ids, USER_ROWS) == expected


def test_no_anchor_and_vectors_of_zero_are_finite():
    first, second = (torch.zeros(USER_ROWS + ITEM_ROWS, 3, requires_grad=True) for _ in range(2))
    for ids, cost in ((torch.tensor([], dtype=torch.long), 0.0), (torch.tensor([1, 2]), math.log(2))):
        parts = NodeContrast()(first, second, ids, ids, USER_ROWS)
        torch.stack(list(parts.values())).sum().backward()
        assert all(value.item() == pytest.approx(cost) for value in parts.values())
    assert first.grad.isfinite().all() and second.grad.isfinite().all()


def test_ids_and_what_they_weigh():
    own, weights, everyone = anchors_of(torch.tensor([7, 2, 7, 7]), "edges")
    assert own.tolist() == everyone.tolist() == [2, 7] and weights.tolist() == [1, 3]
    assert anchors_of(torch.tensor([7, 2, 7, 7]), "unique")[1].tolist() == [1, 1]


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"clamp": 0.0}, {"user_weight": -1.0}, {"user_weight": 0.0, "item_weight": 0.0}]
)
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(CompositionError, match=f"node contrast: {next(iter(wrong))}"):
        NodeContrast(**wrong)


def losses(rows):
    """The losses of some of five edges and the gradients of their vectors."""
    users, items = torch.tensor([1, 2, 1, 3, 1])[rows], torch.tensor([1, 3, 3, 3, 7])[rows]
    found = {}
    for settings in ({"negatives": n, "anchors": a, "reduction": r} for n in ("batch", "all")
                     for a in ("unique", "edges") for r in ("mean", "sum")):  # fmt: skip
        vectors = torch.randn(2, USER_ROWS + ITEM_ROWS, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
        parts = NodeContrast(**settings)(*vectors.unbind(), users, items, USER_ROWS)
        found[str(settings)] = [loss_and_gradient(torch.stack(list(parts.values())).sum(), vectors)]
    return found


def test_two_processes_give_the_loss_and_gradient_of_one(tmp_path):
    check_against_one(losses, tmp_path)
