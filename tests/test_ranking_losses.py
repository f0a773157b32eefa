"""Every ranking loss against a loop over positions and the negatives that it drew."""

import math

import pytest
import torch
import torch.nn.functional as F

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.ranking_losses import BCE, BPR, GBCE, SampledSoftmax, Softmax

N_ITEMS, DIM = 9, 4
CORPUS = Corpus(torch.tensor([1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9]), torch.tensor([0, 0, 5, 12]), 2, N_ITEMS)
ALL = {
    "softmax": Softmax,
    "shared": SampledSoftmax,
    "own": lambda c: SampledSoftmax(c, shared=False, negatives=3, distribution="popularity"),
    "bce": BCE,
    "gbce": lambda c: GBCE(c, negatives=3),
    "bpr": BPR,
    "squashed": lambda c: BPR(c, negatives=2, squash=True),
}


def draw(positions=6):
    torch.manual_seed(0)
    hidden = torch.randn(positions, DIM, requires_grad=True)
    items = torch.randn(N_ITEMS + 1, DIM, requires_grad=True)
    return hidden, items, torch.randint(1, N_ITEMS + 1, (positions,))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def score(hidden, items, p, i):
    return float(hidden[p].detach() @ items[i].detach())


def test_softmax_is_cross_entropy_over_the_catalogue():
    hidden, items, labels = draw()
    ours = Softmax(CORPUS)(hidden, items, labels)
    theirs = F.cross_entropy(hidden @ items[1:].T, labels - 1, reduction="sum")
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(
        torch.autograd.grad(ours, [hidden, items]), torch.autograd.grad(theirs, [hidden, items]), strict=True
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("logq", [True, False])
@pytest.mark.parametrize("distribution", ["uniform", "popularity"])
def test_sampled_softmax_equals_the_loop(shared, logq, distribution):
    hidden, items, labels = draw()
    k = 5
    loss = SampledSoftmax(CORPUS, negatives=k, shared=shared, distribution=distribution, logq=logq)
    torch.manual_seed(7)
    ours = loss(hidden, items, labels)
    torch.manual_seed(7)
    drawn = loss.proposal.sample(1 if shared else len(labels), k).expand(len(labels), k)
    assert (drawn == labels[:, None]).any(), "the case of a negative that is the label must occur"
    events = torch.bincount(CORPUS.items, minlength=N_ITEMS + 1) if distribution == "popularity" else torch.ones(10)
    total = events[1:].sum()
    naive = 0.0
    for p, label in enumerate(labels.tolist()):
        mass = math.exp(score(hidden, items, p, label))
        for i in drawn[p].tolist():
            if i != label:
                expected_draws = k * float(events[i] / total) if logq else 1
                mass += math.exp(score(hidden, items, p, i)) / expected_draws
        naive += math.log(mass) - score(hidden, items, p, label)
    assert ours.item() == pytest.approx(naive, rel=1e-5)


@pytest.mark.parametrize("distribution", ["uniform", "popularity"])
@pytest.mark.parametrize("shared", [True, False])
def test_logq_makes_many_negatives_the_full_softmax(distribution, shared):
    hidden, items, labels = draw()
    full = Softmax(CORPUS)(hidden, items, labels)
    sampled = SampledSoftmax(CORPUS, negatives=100_000, shared=shared, distribution=distribution)
    torch.testing.assert_close(sampled(hidden, items, labels), full, rtol=0.01, atol=0)


@pytest.mark.parametrize("k", [1, 4])
def test_bce_equals_the_loop(k):
    hidden, items, labels = draw()
    loss = BCE(CORPUS, negatives=k)
    torch.manual_seed(7)
    ours = loss(hidden, items, labels)
    torch.manual_seed(7)
    drawn = loss.others(labels, k)
    naive = 0.0
    for p, label in enumerate(labels.tolist()):
        naive -= math.log(sigmoid(score(hidden, items, p, label)))
        naive -= sum(math.log(1 - sigmoid(score(hidden, items, p, i))) for i in drawn[p].tolist())
    assert ours.item() == pytest.approx(naive, rel=1e-5)


@pytest.mark.parametrize("t", [0.0, 0.75, 1.0])
def test_gbce_equals_the_loop(t):
    hidden, items, labels = draw()
    k = 3
    loss = GBCE(CORPUS, negatives=k, t=t)
    torch.manual_seed(7)
    ours = loss(hidden, items, labels)
    torch.manual_seed(7)
    drawn = loss.others(labels, k)
    alpha = k / (N_ITEMS - 1)
    beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
    naive = 0.0
    for p, label in enumerate(labels.tolist()):
        terms = [math.log(sigmoid(score(hidden, items, p, label)) ** beta)]
        terms += [math.log(1 - sigmoid(score(hidden, items, p, i))) for i in drawn[p].tolist()]
        naive -= sum(terms) / (k + 1)
    assert ours.item() == pytest.approx(naive, rel=1e-5)
    if t == 0:
        assert loss.beta == pytest.approx(1)
    if t == 1:
        assert loss.beta == pytest.approx(alpha)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("squash", [True, False])
def test_bpr_equals_the_loop(k, squash):
    hidden, items, labels = draw()
    loss = BPR(CORPUS, negatives=k, squash=squash)
    torch.manual_seed(7)
    ours = loss(hidden, items, labels)
    torch.manual_seed(7)
    drawn = loss.others(labels, k)
    naive = 0.0
    for p, label in enumerate(labels.tolist()):
        for i in drawn[p].tolist():
            right, wrong = score(hidden, items, p, label), score(hidden, items, p, i)
            naive -= math.log(sigmoid(sigmoid(right) - sigmoid(wrong) if squash else right - wrong))
    assert ours.item() == pytest.approx(naive, rel=1e-5)


def test_more_negatives_than_items_leave_gbce_a_bce():
    assert GBCE(CORPUS, negatives=256, t=0.75).beta == pytest.approx(1)


@pytest.mark.parametrize("make", ALL.values(), ids=ALL.keys())
def test_no_label_costs_nothing_and_keeps_the_gradient_path(make):
    hidden, items, labels = draw()
    total = make(CORPUS)(hidden[:0], items, labels[:0])
    total.backward()
    assert total == 0 and (items.grad == 0).all()


@pytest.mark.parametrize("make", ALL.values(), ids=ALL.keys())
def test_gradients_arrive_in_fp32_under_autocast_and_lower_the_loss(make):
    hidden, items, labels = draw(40)
    loss = make(CORPUS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total = loss(hidden.bfloat16(), items, labels)
    assert total.dtype == torch.float32
    total.backward()
    torch.manual_seed(1)
    before = loss(hidden, items, labels)
    torch.manual_seed(1)
    after = loss(hidden, items - 0.01 * items.grad, labels)
    assert after < before


@pytest.mark.parametrize("make", ALL.values(), ids=ALL.keys())
def test_padding_has_no_gradient(make):
    hidden, items, labels = draw()
    make(CORPUS)(hidden, items, labels).backward()
    assert (items.grad[0] == 0).all() and (items.grad[labels] != 0).all()


def test_settings_outside_their_range_are_refused():
    for make in (SampledSoftmax, BCE, BPR, GBCE):
        with pytest.raises(CompositionError, match="negatives=0"):
            make(CORPUS, negatives=0)
    with pytest.raises(CompositionError, match="t=2"):
        GBCE(CORPUS, t=2.0)
