"""denoise against a loop over places, and which damage it takes."""

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from options import composed

from ssrec import confs
from ssrec.batch import PAD
from ssrec.compose import instantiate
from ssrec.errors import CompositionError
from ssrec.objectives.denoise import Denoise
from ssrec.ranking_losses import Softmax
from ssrec.train import checked, stages
from ssrec.views.correlated import Substitute
from ssrec.views.sequence import Mask, Reorder
from ssrec.views.view import InPlace

VIEWS = {
    "mask": partial(Mask, rate=0.3),
    "reorder": partial(Reorder, rate=1.0),
    "substitute": partial(Substitute, rate=0.5),
}


@pytest.fixture
def full(batch):
    many = replace(batch, target=torch.tensor([[3], [7], [7]]))
    return many.select(torch.arange(3).repeat(20))


@pytest.mark.parametrize("asked", ["all", "damaged"])
@pytest.mark.parametrize("names", [["mask"], ["reorder"], ["substitute"], ["reorder", "substitute", "mask"]])
@torch.no_grad()
def test_each_place_is_asked_for_the_item_that_stood_there(corpus, full, running, names, asked):
    encoder = running(corpus)
    objective = Denoise(encoder, corpus, loss=Softmax, views={name: VIEWS[name] for name in names}, asked=asked)
    (loss,) = objective(encoder(full)).values()
    ((seen, causal),) = encoder.passes
    assert not causal and not torch.equal(seen, full.whole)
    naive = []
    for was, now in zip(full.whole.tolist(), seen.tolist(), strict=True):
        vector = sum(encoder.table.weight[i] for i in now)
        for before, after in zip(was, now, strict=True):
            assert (before == PAD) == (after == PAD)
            if before != PAD and (asked == "all" or before != after):
                logits = encoder.table.weight[1 : corpus.item_rows] @ vector
                naive.append(float(F.cross_entropy(logits, torch.tensor(before - 1))))
    assert naive and loss.item() == pytest.approx(sum(naive) / len(naive), rel=1e-4)


def test_views_act_one_after_another_and_other_items_come_first(corpus, full, running):
    encoder = running(corpus)
    named = dict(reversed(VIEWS.items()))
    objective = Denoise(encoder, corpus, loss=Softmax, views=named)
    assert list(objective.views) == ["substitute", "mask", "reorder"]
    calls = []
    for name, view in objective.views.items():
        view.register_forward_hook(lambda _, given, out, n=name: calls.append((n, given[0].items, out.items)))
    objective(encoder(full))
    assert [name for name, _, _ in calls] == ["substitute", "mask", "reorder"]
    assert calls[0][1].equal(full.whole) and calls[1][1] is calls[0][2] and calls[2][1] is calls[1][2]
    assert encoder.passes[0][0] is calls[2][2]


def test_what_a_view_fits_is_refreshed(corpus, running):
    encoder = running(corpus)
    objective = Denoise(encoder, corpus, loss=Softmax, views={"substitute": partial(Substitute, rate=0.5, refresh=0)})
    objective.before_epoch(encoder, corpus)
    assert objective.views["substitute"].similar.epoch == 1  # type: ignore[union-attr]


def test_undamaged_rows_ask_nothing_where_damage_is_asked(corpus, full, running):
    encoder = running(corpus)
    views = {"mask": partial(Mask, rate=0.0)}
    (loss,) = Denoise(encoder, corpus, loss=Softmax, views=views, asked="damaged")(encoder(full)).values()
    loss.backward()
    assert loss == 0 and not encoder.table.weight.grad.any()


def test_rows_are_cut_to_what_the_encoder_reads_and_not_edited(corpus, full, running):
    encoder = running(corpus, max_length=2)
    before = full.whole.clone()
    Denoise(encoder, corpus, loss=Softmax, views=VIEWS)(encoder(full))
    assert encoder.passes[0][0].shape == (60, 2) and torch.equal(full.whole, before)


def test_it_takes_views_that_keep_places(corpus, full):
    """That which calls itself so leaves padding and places as they were, and damages something."""
    found = confs.known("view", InPlace)
    assert {"mask", "reorder", "substitute"} <= set(found)
    for name in found:
        view = instantiate(confs.read(confs.folder() / "view" / f"{name}.yaml")[name])(corpus)
        was = replace(full, items=full.whole)
        now = view(was).items
        assert now.shape == was.items.shape and torch.equal(now == PAD, was.items == PAD) and view.draws


@pytest.mark.parametrize("view", ["crop", "insert", "dropout", "same_target"])
def test_views_that_move_or_leave_items_are_refused_before_data_is_read(view):
    (stage,) = stages(composed("objective=[denoise]", f"view@objective.denoise.loss.views=[mask,{view}]"))
    with pytest.raises(CompositionError, match=rf"denoise cannot read view {view}: .* Views that fit: mask, reorder"):
        checked(stage, starts=False)


def test_a_damage_of_nothing_is_refused(corpus, running):
    with pytest.raises(CompositionError, match="denoise has no view"):
        Denoise(running(corpus), corpus, loss=Softmax, views={})
