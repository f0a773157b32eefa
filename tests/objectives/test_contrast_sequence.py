"""contrast_sequence against its contrast of the two passes that it made."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from ssrec.batch import PAD, Batch
from ssrec.contrasts.align_uniform import AlignUniform
from ssrec.contrasts.barlow import Barlow
from ssrec.contrasts.debiased import Debiased
from ssrec.contrasts.info_nce import InfoNCE
from ssrec.contrasts.vicreg import VICReg
from ssrec.errors import CompositionError
from ssrec.losses import info_nce
from ssrec.objectives.contrast_sequence import ContrastSequence
from ssrec.views.correlated import Insert, Substitute
from ssrec.views.dropout import Dropout
from ssrec.views.same_target import SameTarget
from ssrec.views.sequence import Crop, Mask, Reorder

VIEWS = {"crop": partial(Crop, keep=0.6), "mask": partial(Mask, rate=0.5), "reorder": partial(Reorder, rate=0.6)}
OTHERS = {"insert": partial(Insert, rate=0.5), "same_target": SameTarget, "dropout": Dropout}
SETTINGS = {"similarity": "cosine", "temperature": 0.5}


def pooled(encoder, passes, pool):
    """The vectors of the passes that were made, row by row."""
    for ids, causal in passes:
        hidden, real = encoder.encode(ids, causal), ids != PAD
        kinds = {
            "last": lambda b, hidden=hidden: hidden[b, -1],
            "mean": lambda b, hidden=hidden, real=real: hidden[b, real[b]].mean(0),
            "flatten": lambda b, hidden=hidden, ids=ids: torch.cat(
                [torch.zeros((encoder.max_length - ids.shape[1]) * 4), hidden[b].flatten()]
            ),
        }
        yield torch.stack([kinds[pool](b) for b in range(len(ids))])


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("pool", ["last", "mean", "flatten"])
@pytest.mark.parametrize("views", [VIEWS, OTHERS], ids=["own items", "others"])
def test_the_contrast_is_of_two_passes(corpus, batch, running, causal, pool, views):
    encoder = running(corpus, causal=causal)
    objective = ContrastSequence(encoder, corpus, views=views, pool=pool, contrast=InfoNCE(**SETTINGS))
    parts = objective(encoder(batch))
    assert list(parts) == ["info_nce"]
    passes = list(encoder.passes)
    assert len(passes) == 2, "each view is encoded once, and the clean pass not at all"
    assert all(was_causal == causal for _, was_causal in passes)
    torch.testing.assert_close(parts["info_nce"], info_nce(*pooled(encoder, passes, pool), **SETTINGS) / 6)
    parts["info_nce"].backward()
    assert encoder.table.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("contrast", [InfoNCE, Debiased, Barlow, VICReg, AlignUniform])
def test_any_contrast_of_any_views(corpus, batch, running, contrast):
    encoder = running(corpus)
    views = {**VIEWS, **OTHERS, "substitute": partial(Substitute, rate=0.2)}
    parts = ContrastSequence(encoder, corpus, views=views, contrast=contrast())(encoder(batch))
    expected = contrast()(*pooled(encoder, list(encoder.passes), "last"))
    torch.testing.assert_close(parts, expected)


def test_rows_of_the_same_target_are_masked_where_that_is_asked(corpus, batch, running):
    batch = replace(batch, target=torch.tensor([[7], [3], [7]]))
    same = torch.tensor([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=torch.bool)
    found = {}
    for kind in ("keep", "mask"):
        encoder = running(corpus)
        contrast = InfoNCE(false_negatives=kind, **SETTINGS)
        (found[kind],) = ContrastSequence(encoder, corpus, views=VIEWS, contrast=contrast)(encoder(batch)).values()
        vectors = pooled(encoder, list(encoder.passes), "last")
        expected = info_nce(*vectors, same=same if kind == "mask" else None, **SETTINGS) / 6
        torch.testing.assert_close(found[kind], expected)
    assert found["keep"] != found["mask"]


def test_the_views_are_drawn_as_said(corpus, batch, running):
    encoder = running(corpus)
    views = {"b": partial(Mask, rate=1.0), "a": Dropout}
    ContrastSequence(encoder, corpus, views=views, contrast=InfoNCE(), draw="given")(encoder(batch))
    (first, _), (second, _) = encoder.passes
    assert torch.equal(first, batch.items), "the first by name"
    assert torch.equal(second, torch.where(batch.items == PAD, PAD, corpus.mask))


def test_times_go_with_their_items(corpus, batch, running):
    encoder, read = running(corpus), []
    encoder.encode, encode = lambda ids, causal, times: read.append((ids, times)) or encode(ids, causal), encoder.encode
    timed = replace(batch, times=torch.where(batch.items == PAD, 0, batch.items + 100))
    views = {"crop": VIEWS["crop"], "reorder": VIEWS["reorder"]}
    ContrastSequence(encoder, corpus, views=views, contrast=InfoNCE())(encoder(timed))
    assert all(torch.equal(times, torch.where(ids == PAD, 0, ids + 100)) for ids, times in read) and len(read) == 2


def test_rows_longer_than_the_encoder_reads_are_cut(corpus, running):
    encoder = running(corpus)
    items = torch.arange(100).remainder(7).add(1)[None]
    batch = Batch(items[0, :1], items[0, :1], items, items[:, :1])
    ContrastSequence(encoder, corpus, views={"insert": OTHERS["insert"]}, contrast=InfoNCE())(encoder(batch))
    assert all(ids.shape == (1, encoder.max_length) and (ids != PAD).all() for ids, _ in encoder.passes)


def test_views_learn_from_the_item_vectors_before_an_epoch(corpus, running):
    encoder = running(corpus).train()
    objective = ContrastSequence(
        encoder, corpus, views={"substitute": partial(Substitute, rate=0.2, refresh=0)}, contrast=InfoNCE()
    )
    with torch.no_grad():
        encoder.table.weight.zero_()
        encoder.table.weight[[1, 7], 0] = 1.0
    objective.before_epoch(encoder, corpus)
    assert objective.views["substitute"].similar.item[7] == 1 and encoder.training
    assert encoder.table.weight.grad is None


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("pool", ["last", "flatten"])
def test_a_projector_stands_between_pool_and_contrast(corpus, batch, running, layers, pool):
    encoder = running(corpus).train()
    settings = {"pool": pool, "projector": 5, "projector_layers": layers}
    objective = ContrastSequence(encoder, corpus, views=VIEWS, contrast=Barlow(), **settings)
    assert encoder.training
    linear = [part for part in objective.projector.modules() if isinstance(part, nn.Linear)]
    assert [tuple(part.weight.shape) for part in linear] == [
        (5, 4 if pool == "last" else 200),
        *[(5, 5)] * (layers - 1),
    ]
    assert [part.bias is not None for part in linear] == [True] * (layers - 1) + [False]
    encoder.passes.clear()
    parts = objective(encoder(batch))
    first, second = pooled(encoder, list(encoder.passes), pool)
    torch.testing.assert_close(parts, Barlow()(objective.projector(first), objective.projector(second)))
    torch.stack(list(parts.values())).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in objective.parameters())
    assert not list(ContrastSequence(encoder, corpus, views=VIEWS, contrast=Barlow()).parameters())


def test_one_row_is_finite(corpus, running):
    encoder = running(corpus)
    one = torch.ones(1, dtype=torch.long)
    objective = ContrastSequence(encoder, corpus, views=VIEWS, contrast=InfoNCE())
    (loss,) = objective(encoder(Batch(one, one, one[None], one[None]))).values()
    loss.backward()
    assert encoder.table.weight.grad.isfinite().all()


def test_what_cannot_be_contrasted_is_refused(corpus, running):
    make = partial(ContrastSequence, running(corpus), corpus, contrast=InfoNCE())
    with pytest.raises(CompositionError, match="no view"):
        make(views={})
    with pytest.raises(CompositionError, match="projector=-1"):
        make(views=VIEWS, projector=-1)
    with pytest.raises(CompositionError, match="projector_layers=0"):
        make(views=VIEWS, projector_layers=0)
