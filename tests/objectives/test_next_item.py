"""next_item against a loop over the labels of a batch."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ssrec.errors import CompositionError
from ssrec.objectives.next_item import NextItem
from ssrec.ranking_losses import BCE, Softmax


def cost(hidden, items, label):
    return float(F.cross_entropy(items[1:] @ hidden, torch.tensor(label - 1)))


def test_windows_train_every_position_on_what_follows(corpus, batch, running):
    encoder = running(corpus)
    x = encoder(batch)
    (loss,) = NextItem(encoder, corpus, loss=Softmax)(x).values()
    labels = {(0, 1): 2, (0, 2): 3, (1, 0): 5, (1, 1): 6, (2, 2): 7}  # row 1 has no target
    naive = sum(cost(x.hidden[p].detach(), x.items.detach(), label) for p, label in labels.items()) / len(labels)
    assert loss.item() == pytest.approx(naive, rel=1e-5)
    assert len(encoder.passes) == 1, "the clean pass is computed once"


@pytest.mark.parametrize("causal", [True, False])
def test_prefixes_train_the_vector_of_the_user(corpus, batch, running, causal):
    encoder = running(corpus, causal=causal)
    x = encoder(replace(batch, kind="prefix"))
    (loss,) = NextItem(encoder, corpus, loss=Softmax)(x).values()
    naive = (cost(x.users[0].detach(), x.items.detach(), 3) + cost(x.users[2].detach(), x.items.detach(), 7)) / 2
    assert loss.item() == pytest.approx(naive, rel=1e-5)


def test_a_pass_that_sees_its_labels_is_refused(corpus, batch, running):
    encoder = running(corpus, causal=False)
    with pytest.raises(CompositionError, match=r"model\.causal=true, data\.rows=prefix"):
        NextItem(encoder, corpus, loss=Softmax)(encoder(batch))


@pytest.mark.parametrize("kind", ["window", "prefix"])
@pytest.mark.parametrize("loss", [Softmax, BCE])
def test_a_batch_without_labels_costs_nothing(corpus, batch, running, kind, loss):
    encoder = running(corpus)
    last = batch.items[:, -1:]
    empty = replace(batch, items=last, target=torch.zeros_like(last), kind=kind)
    (value,) = NextItem(encoder, corpus, loss=loss)(encoder(empty)).values()
    value.backward()
    assert value == 0 and (encoder.table.weight.grad == 0).all()


def test_padding_changes_nothing(corpus, batch, running):
    encoder = running(corpus)
    objective = NextItem(encoder, corpus, loss=Softmax)
    wide = replace(batch, items=F.pad(batch.items, (4, 0)))
    torch.testing.assert_close(objective(encoder(wide)), objective(encoder(batch)))
