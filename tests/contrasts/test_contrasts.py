"""Contrasts against loops over rows, pairs and dimensions."""

import math

import pytest
import torch

from ssrec.batch import Batch
from ssrec.contrasts.align_uniform import AlignUniform
from ssrec.contrasts.barlow import Barlow
from ssrec.contrasts.contrast import same_target
from ssrec.contrasts.debiased import Debiased
from ssrec.contrasts.info_nce import InfoNCE
from ssrec.contrasts.vicreg import VICReg
from ssrec.errors import CompositionError
from ssrec.losses import info_nce

ALL = [InfoNCE, Debiased, Barlow, VICReg, AlignUniform]
B, D = 5, 3
SAME = torch.zeros(B, B, dtype=torch.bool)
SAME[0, 3] = SAME[3, 0] = SAME[1, 2] = SAME[2, 1] = SAME[1, 4] = SAME[4, 1] = SAME[2, 4] = SAME[4, 2] = True
every_contrast = pytest.mark.parametrize("make", ALL, ids=lambda c: c.__name__)


@pytest.fixture
def views():
    torch.manual_seed(0)
    first = torch.randn(B, D)
    return first, first + torch.randn(B, D)


def dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def unit(x):
    return [a / math.sqrt(dot(x, x)) for a in x]


def variance(xs, ddof=0):
    mean = sum(xs) / len(xs)
    return sum((x - mean) ** 2 for x in xs) / (len(xs) - ddof)


def covariance(xs, ys, ddof=0):
    mean = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mean[0]) * (y - mean[1]) for x, y in zip(xs, ys, strict=True)) / (len(xs) - ddof)


@pytest.mark.parametrize(("negatives", "anchors"), [("two_sided", 2 * B), ("one_sided", B)])
def test_info_nce_is_the_mean_over_anchors(views, negatives, anchors):
    settings = {"similarity": "cosine", "temperature": 0.5, "negatives": negatives}
    (found,) = InfoNCE(**settings)(*views, SAME).values()
    torch.testing.assert_close(found, info_nce(*views, same=SAME, **settings) / anchors)


@pytest.mark.parametrize("same", [None, SAME], ids=["keep", "mask"])
@pytest.mark.parametrize(("temperature", "tau_plus"), [(0.5, 0.1), (1.0, 0.4), (0.02, 0.1)])
def test_debiased_equals_the_loop(views, temperature, tau_plus, same):
    first, second = ([unit(row) for row in view.double().tolist()] for view in views)
    costs, bounded = [], 0
    for view, other in [(first, second), (second, first)]:
        for i, anchor in enumerate(view):
            p = math.exp(dot(anchor, other[i]) / temperature)
            rest = [j for j in range(B) if j != i and (same is None or not same[i, j])]
            mass = sum(math.exp(dot(anchor, side[j]) / temperature) for side in (view, other) for j in rest)
            n = 2 * len(rest)
            least = n * math.exp(-1 / temperature)
            g = (mass - n * tau_plus * p) / (1 - tau_plus)
            bounded += g < least
            costs.append(-math.log(p / (p + max(g, least))))
    assert bounded or temperature > 0.02, "the bound is never met"
    (found,) = Debiased(temperature=temperature, tau_plus=tau_plus)(*views, same).values()
    assert found.item() == pytest.approx(sum(costs) / len(costs), rel=1e-4)


def test_debiased_of_no_positives_among_the_negatives_is_info_nce(views):
    (found,) = Debiased(temperature=0.3, tau_plus=0.0)(*views, SAME).values()
    (other,) = InfoNCE(temperature=0.3, similarity="cosine")(*views, SAME).values()
    torch.testing.assert_close(found, other)


def test_barlow_equals_the_loop(views):
    first, second = (view.T.tolist() for view in views)

    def c(d, e):
        scale = math.sqrt((variance(first[d]) + 1e-5) * (variance(second[e]) + 1e-5))
        return covariance(first[d], second[e]) / scale

    found = Barlow(weight=0.3)(*views)
    invariance = sum((1 - c(d, d)) ** 2 for d in range(D))
    redundancy = sum(c(d, e) ** 2 for d in range(D) for e in range(D) if d != e)
    assert found["invariance"].item() == pytest.approx(invariance, rel=1e-4)
    assert found["redundancy"].item() == pytest.approx(0.3 * redundancy, rel=1e-4)


def test_vicreg_equals_the_loop(views):
    views = [0.5 * view for view in views]  # or every dimension would vary enough
    columns = [view.T.tolist() for view in views]
    found = VICReg(invariance=2.0, variance=3.0, covariance=5.0)(*views)
    invariance = sum((a - b) ** 2 for x, y in zip(*columns, strict=True) for a, b in zip(x, y, strict=True)) / B / D
    spread = sum(max(0, 1 - math.sqrt(variance(x, 1) + 1e-4)) / D for view in columns for x in view)
    pairs = [(d, e) for d in range(D) for e in range(D) if d != e]
    together = sum(covariance(view[d], view[e], 1) ** 2 / D for view in columns for d, e in pairs)
    assert found["invariance"].item() == pytest.approx(2 * invariance, rel=1e-4)
    assert found["variance"].item() == pytest.approx(3 * spread, rel=1e-4) and spread > 0
    assert found["covariance"].item() == pytest.approx(5 * together, rel=1e-4)


@pytest.mark.parametrize("same", [None, SAME], ids=["keep", "mask"])
@pytest.mark.parametrize(("alpha", "t"), [(2.0, 2.0), (1.0, 3.0)])
def test_alignment_and_uniformity_equal_the_loop(views, alpha, t, same):
    units = [[unit(row) for row in view.tolist()] for view in views]
    alignment = sum(math.dist(x, y) ** alpha for x, y in zip(*units, strict=True)) / B
    pairs = [(i, j) for i in range(B) for j in range(B) if i != j and (same is None or not same[i, j])]
    means = [sum(math.exp(-t * math.dist(v[i], v[j]) ** 2) for i, j in pairs) / len(pairs) for v in units]
    found = AlignUniform(alpha=alpha, t=t, weight=0.7)(*views, same)
    assert found["alignment"].item() == pytest.approx(alignment, rel=1e-4)
    assert found["uniformity"].item() == pytest.approx(0.7 * sum(map(math.log, means)) / 2, rel=1e-4)


@every_contrast
@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows_have_finite_gradients_and_none_cost_nothing(make, n):
    first, second = torch.randn(2, n, D).requires_grad_()
    parts = make()(first, second, torch.zeros(n, n, dtype=torch.bool))
    loss = torch.stack(list(parts.values())).sum()
    (gradient,) = torch.autograd.grad(loss, first)
    assert loss.isfinite() and gradient.isfinite().all() and (n or loss == 0)


@every_contrast
def test_equal_vectors_have_finite_gradients(make):
    first = torch.ones(B, D, requires_grad=True)
    torch.stack(list(make()(first, first.detach()).values())).sum().backward()
    assert first.grad is not None and first.grad.isfinite().all()


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_views_that_agree_have_a_finite_gradient_whatever_the_power(views, alpha):
    first, second = views
    first, second = first.requires_grad_(), torch.cat([first[:1], second[1:]]).detach()
    (gradient,) = torch.autograd.grad(AlignUniform(alpha=alpha)(first, second)["alignment"], first)
    assert gradient.isfinite().all() and not gradient[0].any() and gradient[1:].any(1).all()


@every_contrast
def test_it_is_computed_in_single_precision(make, views):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = make()(*views)
    torch.testing.assert_close(inside, make()(*views))
    assert all(part.shape == () and part.dtype == torch.float32 for part in inside.values())


def test_rows_ask_for_the_same_item_by_their_last_label():
    target = torch.tensor([[4, 9], [5, 9], [4, 8], [0, 9], [0, 9], [4, 7]])
    row = torch.arange(len(target))
    batch = Batch(row, row, target, target)
    expected = [[i != j and a == b != 0 for j, b in enumerate(target[:, 0])] for i, a in enumerate(target[:, 0])]
    assert same_target(batch).tolist() == expected
    assert same_target(batch.select(row[:0])).shape == (0, 0)


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (InfoNCE, {"temperature": 0.0}),
        (Debiased, {"temperature": -1.0}),
        (Debiased, {"tau_plus": 1.0}),
        (Barlow, {"weight": 0.0}),
        (VICReg, {"covariance": 0.0}),
        (AlignUniform, {"t": 0.0}),
    ],
)
def test_settings_outside_their_range_are_refused(make, settings):
    ((name, value),) = settings.items()
    with pytest.raises(CompositionError, match=f"{name}={value}"):
        make(**settings)
