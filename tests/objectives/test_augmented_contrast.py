"""augmented_contrast against MCLRec's formulas written as loops, and which parameters each phase's loss reaches."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from ssrec import runs
from ssrec.batch import Batch
from ssrec.errors import CompositionError
from ssrec.objectives.augmented_contrast import AugmentedContrast, margins
from ssrec.train import train
from ssrec.views.sequence import Crop, Mask, Reorder

VIEWS = {"crop": partial(Crop, keep=0.6), "mask": partial(Mask, rate=0.5), "reorder": partial(Reorder, rate=0.6)}


def logits(first, second, temperature):
    """Each anchor's positive logit, and those of its negatives."""
    both = [*first, *second]
    for i, anchor in enumerate(both):
        j = (i + len(first)) % len(both)
        negatives = [float(anchor @ other) / temperature for k, other in enumerate(both) if k not in (i, j)]
        yield float(anchor @ both[j]) / temperature, negatives


def naive_info_nce(first, second, temperature):
    found = [-torch.tensor([p, *n]).log_softmax(0)[0] for p, n in logits(first, second, temperature)]
    return torch.stack(found).mean()


def naive_margins(first, second, temperature):
    """The code's two means: over anchors, and over anchors and negatives, each term clamped at 0."""
    over, under = [], []
    for p, negatives in logits(first, second, temperature):
        low, high = min(p, max(negatives)), max(p, max(negatives))
        over.append(max(p - low, 0.0))
        under += [max(high - n, 0.0) for n in negatives]
    return torch.tensor(over).mean() + torch.tensor(under).mean()


@pytest.mark.parametrize("rows", [2, 3, 7])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_margins_are_those_of_the_code(rows, temperature):
    first, second = torch.randn(2, rows, 4)
    torch.testing.assert_close(margins(first, second, temperature), naive_margins(first, second, temperature))


def test_margins_of_one_row_or_none_are_zero_and_keep_their_gradient_path():
    for n in (0, 1):
        first, second = torch.randn(2, n, 4).requires_grad_()
        loss = margins(first, second)
        assert loss == 0 and loss.requires_grad


@pytest.mark.parametrize("causal", [True, False])
def test_the_parts_are_the_papers_contrasts_of_two_passes(corpus, batch, running, causal):
    encoder = running(corpus, causal=causal)
    objective = AugmentedContrast(encoder, corpus, views=VIEWS, widths=[3, 5], plain=0.25, margin=0.5, temperature=0.7)
    encoder.passes.clear()
    parts = objective(encoder(batch))
    passes = list(encoder.passes)
    assert len(passes) == 2, "each view is encoded once, and the clean pass not at all"
    assert all(was_causal == causal for _, was_causal in passes)
    first, second = (encoder.encode(*seen)[:, -1].detach() for seen in passes)
    f, g = (F.normalize(net(v), dim=1).detach() for net, v in zip(objective.augmenters, (first, second), strict=True))
    pairs = [(first, g), (second, f), (f, g)]
    expected = {
        "augmented": sum(naive_info_nce(a, b, 0.7) for a, b in pairs),
        "margin": 0.5 * sum(naive_margins(a, b, 0.7) for a, b in pairs),
        "plain": 0.25 * naive_info_nce(first, second, 0.7),
    }
    torch.testing.assert_close(parts, expected)
    assert [layer.out_features for layer in objective.augmenters[0][::2]] == [3, 5, 4]


def test_parts_without_a_weight_are_not_made(corpus, batch, running):
    encoder = running(corpus)
    assert list(AugmentedContrast(encoder, corpus, views=VIEWS, margin=0.0)(encoder(batch))) == ["augmented"]


def test_one_row_is_finite(corpus, running):
    encoder, one = running(corpus), torch.ones(1, dtype=torch.long)
    objective = AugmentedContrast(encoder, corpus, views=VIEWS, plain=1.0)
    loss = torch.stack(list(objective(encoder(Batch(one, one, one[None], one[None]))).values())).sum()
    loss.backward()
    assert loss.isfinite() and encoder.table.weight.grad.isfinite().all()


def test_what_cannot_be_is_refused(corpus, running):
    for wrong in ({"views": {}}, {"widths": [0]}, {"plain": -1.0}, {"margin": -0.1}, {"temperature": 0.0}):
        with pytest.raises(CompositionError):
            AugmentedContrast(running(corpus), corpus, **{"views": VIEWS, **wrong})


def test_the_recipe_makes_three_steps_a_batch(tiny):
    small = ("model.inner=16", "trainer.max_epochs=1", "trainer.limit_train_batches=2", "data.batch_size=8")
    result = runs.read(train(tiny("recipe=mclrec", *small, "model.dim=16")))
    assert result["steps"] == 6
    assert result["targets_seen"] == 3 * 2 * 8
