"""contrast_sequence against the loss of the two passes that it made."""

from functools import partial

import pytest
import torch
from torch import nn

from ssrec.batch import Batch
from ssrec.errors import CompositionError
from ssrec.losses import info_nce
from ssrec.objectives.contrast_sequence import ContrastSequence
from ssrec.views.sequence import Crop, Mask, Reorder, View

VIEWS = {"crop": partial(Crop, keep=0.6), "mask": partial(Mask, rate=0.5), "reorder": partial(Reorder, rate=0.6)}


class Constant(View):
    """Marks its rows, so that a test sees which view a row drew."""

    def __init__(self, corpus, *, item):
        self.item = item

    def __call__(self, items):
        return torch.full_like(items, self.item)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("pool", ["last", "mean"])
@pytest.mark.parametrize("negatives", ["two_sided", "one_sided"])
def test_the_loss_is_a_mean_over_anchors_of_two_passes(corpus, batch, running, causal, pool, negatives):
    encoder = running(corpus, causal=causal)
    settings = {"similarity": "cosine", "temperature": 0.5, "negatives": negatives}
    parts = ContrastSequence(encoder, corpus, views=VIEWS, pool=pool, **settings)(encoder(batch))
    assert list(parts) == ["info_nce"]
    passes = list(encoder.passes)
    assert len(passes) == 2, "each view is encoded once, and the clean pass not at all"
    pooled = []
    for ids, was_causal in passes:
        assert was_causal == causal
        hidden, real = encoder.encode(ids, causal), ids != 0
        rows = [hidden[b, -1] if pool == "last" else hidden[b, real[b]].mean(0) for b in range(3)]
        pooled.append(torch.stack(rows))
    anchors = 6 if negatives == "two_sided" else 3
    torch.testing.assert_close(parts["info_nce"], info_nce(*pooled, **settings) / anchors)
    parts["info_nce"].backward()
    assert encoder.table.weight.grad.abs().sum() > 0


def test_each_row_draws_an_ordered_pair_of_different_views_alike(corpus, running):
    torch.manual_seed(0)
    encoder = running(corpus)
    views = {str(i): partial(Constant, item=i) for i in (1, 2, 3)}
    ones = torch.ones(6000, 2, dtype=torch.long)
    objective = ContrastSequence(encoder, corpus, views=views)
    first, second = objective._pair(ones)
    assert (first == first[:, :1]).all(), "a row is one view"
    found = torch.bincount(first[:, 0] * 4 + second[:, 0], minlength=16).view(4, 4)
    for a in (1, 2, 3):
        assert found[a, a] == 0
        for b in {1, 2, 3} - {a}:
            assert abs(int(found[a, b]) - 1000) < 150


def test_a_single_view_is_applied_twice(corpus, batch, running):
    torch.manual_seed(0)
    encoder = running(corpus)
    ContrastSequence(encoder, corpus, views={"mask": VIEWS["mask"]})(encoder(batch))
    (first, _), (second, _) = encoder.passes
    assert (first == corpus.mask).any() and (second == corpus.mask).any() and not torch.equal(first, second)


def test_a_projector_stands_between_pool_and_loss(corpus, batch, running):
    encoder = running(corpus).train()
    objective = ContrastSequence(encoder, corpus, views=VIEWS, projector=5)
    assert encoder.training
    assert isinstance(objective.projector, nn.Sequential) and objective.projector[0].weight.shape == (5, 4)
    (loss,) = objective(encoder(batch)).values()
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in objective.projector[0].parameters())
    assert not list(ContrastSequence(encoder, corpus, views=VIEWS).parameters())


def test_one_row_is_finite(corpus, running):
    encoder = running(corpus)
    one = torch.ones(1, dtype=torch.long)
    (loss,) = ContrastSequence(encoder, corpus, views=VIEWS)(encoder(Batch(one, one, one[None], one[None]))).values()
    loss.backward()
    assert encoder.table.weight.grad.isfinite().all()


def test_what_cannot_be_contrasted_is_refused(corpus, running):
    with pytest.raises(CompositionError, match="no view"):
        ContrastSequence(running(corpus), corpus, views={})
    with pytest.raises(CompositionError, match="temperature=0"):
        ContrastSequence(running(corpus), corpus, views=VIEWS, temperature=0.0)
