"""masked_item against a loop over what it hid."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ssrec.batch import PAD
from ssrec.errors import CompositionError
from ssrec.objectives.masked_item import MaskedItem
from ssrec.ranking_losses import Softmax

TENSORS = ("rows", "user", "items", "target")


@pytest.fixture
def full(batch):
    return replace(batch, target=torch.tensor([[3], [7], [7]]))


def test_masked_items_are_predicted_from_a_pass_that_is_not_causal(corpus, full, running):
    encoder = running(corpus)
    x = encoder(full)
    (loss,) = MaskedItem(encoder, corpus, loss=Softmax, probability=0.5)(x).values()
    ((seen, causal),) = encoder.passes
    assert not causal
    hidden = encoder.encode(seen, False).detach()
    naive, n = 0.0, 0
    for b in range(3):
        for t in range(4):
            if seen[b, t] == corpus.mask:
                label = full.whole[b, t]
                naive += float(F.cross_entropy(x.items[1:].detach() @ hidden[b, t], label - 1))
                n += 1
            else:
                assert seen[b, t] == full.whole[b, t]
    assert n >= 3
    assert loss.item() == pytest.approx(naive / n, rel=1e-5)


def masks(corpus, running, batch, times=1, **options):
    """Which items were masked, in a batch that repeats the given one."""
    repeat = {f: getattr(batch, f).repeat(times, *[1] * (getattr(batch, f).ndim - 1)) for f in TENSORS}
    encoder = running(corpus)
    MaskedItem(encoder, corpus, loss=Softmax, **options)(encoder(replace(batch, **repeat)))
    return (encoder.passes[0][0] == corpus.mask).view(times, len(batch), -1)


def test_at_least_one_item_of_each_row_at_a_uniform_place(corpus, full, running):
    found = masks(corpus, running, full, 600, probability=0.0)
    assert (found.sum(-1) == 1).all()
    torch.testing.assert_close(found[:, 1].float().mean(0), torch.full((4,), 0.25), atol=0.07, rtol=0)
    assert not masks(corpus, running, full, 5, probability=0.0, at_least_one=False).any()


def test_probability_is_that_of_each_item(corpus, full, running):
    found = masks(corpus, running, full, 600, probability=0.3, at_least_one=False)
    real = full.whole != PAD
    assert not found[:, ~real].any()
    torch.testing.assert_close(found.float().mean(0)[real], torch.full((int(real.sum()),), 0.3), atol=0.08, rtol=0)


def test_the_last_item_can_always_be_masked(corpus, full, running):
    assert masks(corpus, running, full, 5, probability=0.1, always_last=True)[..., -1].all()


def test_span_and_tail_hide_one_run(corpus, full, running):
    assert masks(corpus, running, full, 5, mode="tail", probability=0.5)[:, 1].equal(
        torch.tensor([[False, False, True, True]]).expand(5, 4)
    )
    found = masks(corpus, running, full, 50, mode="span", probability=0.5)[:, 1].int()
    assert (found.sum(1) == 2).all() and (found.diff(dim=1).abs().sum(1) <= 2).all() and len(found.unique(dim=0)) == 3


def test_objectives_that_mask_alike_share_the_pass(corpus, full, running):
    encoder = running(corpus)
    x = encoder(full)
    same = [MaskedItem(encoder, corpus, loss=Softmax, probability=0.5) for _ in range(2)]
    first, second = (objective(x)["masked_item"].item() for objective in same)
    assert first == second and len(encoder.passes) == 1
    MaskedItem(encoder, corpus, loss=Softmax, probability=0.5, always_last=True)(x)
    assert len(encoder.passes) == 2
    same[0](encoder(full))
    assert len(encoder.passes) == 3, "another step draws anew"


def test_a_mean_over_rows_is_of_sums_over_their_masked_items(corpus, full, running):
    encoder = running(corpus)
    x = encoder(full)
    losses = {per: MaskedItem(encoder, corpus, loss=Softmax, probability=0.5, per=per)(x) for per in ("item", "row")}
    n = int((encoder.passes[0][0] == corpus.mask).sum())
    per_item, per_row = (losses[per]["masked_item"].item() for per in ("item", "row"))
    assert per_row == pytest.approx(per_item * n / 3) and n > 3


def test_a_linear_map_stands_between_positions_and_items(corpus, full, running):
    encoder = running(corpus)
    objective = MaskedItem(encoder, corpus, loss=Softmax, probability=1.0, linear=True)
    with torch.no_grad():
        objective.map.weight.copy_(2 * torch.eye(4))
        objective.map.bias.fill_(1.0)
    (loss,) = objective(encoder(full)).values()
    hidden = encoder.encode(torch.where(full.whole == PAD, PAD, corpus.mask), False)[full.whole != PAD]
    labels = full.whole[full.whole != PAD]
    naive = F.cross_entropy((2 * hidden + 1) @ encoder.table.weight[1 : corpus.item_rows].T, labels - 1)
    torch.testing.assert_close(loss, naive)


def test_padding_is_never_masked(corpus, batch, running):
    """Row 1 has no target, and a row may be empty."""
    empty = replace(batch, items=batch.items * torch.tensor([[1], [1], [0]]), target=batch.target * 0)
    for options in ({"always_last": True}, {"probability": 1.0}):
        found = masks(corpus, running, empty, 5, **options)
        assert not found[:, empty.whole == PAD].any() and found.any()


def test_rows_are_cut_to_what_the_encoder_reads(corpus, full, running):
    encoder = running(corpus, max_length=2)
    MaskedItem(encoder, corpus, loss=Softmax)(encoder(full))
    assert encoder.passes[0][0].shape == (3, 2)


def test_nothing_masked_costs_nothing(corpus, full, running):
    encoder = running(corpus)
    objective = MaskedItem(encoder, corpus, loss=Softmax, probability=0.0, at_least_one=False)
    (loss,) = objective(encoder(full)).values()
    loss.backward()
    assert loss == 0 and (encoder.table.weight.grad == 0).all()


def test_the_batch_is_not_edited(corpus, full, running):
    before = full.whole.clone()
    masks(corpus, running, full, probability=1.0)
    assert torch.equal(full.whole, before)


def test_a_probability_outside_its_range_is_refused(corpus, running):
    with pytest.raises(CompositionError, match=r"probability=1\.5"):
        MaskedItem(running(corpus), corpus, loss=Softmax, probability=1.5)
