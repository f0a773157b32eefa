"""next_k_items against loops over positions and distances."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import Batch, Corpus
from ssrec.data.rows import make_rows
from ssrec.errors import CompositionError
from ssrec.objectives.next_item import NextItem
from ssrec.objectives.next_k_items import NextKItems, following
from ssrec.ranking_losses import BCE, Softmax


def cost(hidden, items, label):
    return float(F.cross_entropy(items[1:] @ hidden, torch.tensor(label - 1)))


def weighted(found, items, weights):
    """The weighted mean of costs over (vector, what follows)."""
    pairs = [
        (1.0 if weights == "alike" else 1 / j, cost(vector, items, label))
        for vector, after in found
        for j, label in enumerate(after, 1)
    ]
    return sum(w * c for w, c in pairs) / sum(w for w, _ in pairs)


@pytest.mark.parametrize("weights", ["alike", "reciprocal"])
@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_windows_train_every_position_on_what_follows(corpus, batch, running, k, weights):
    encoder = running(corpus)
    x = encoder(batch)
    (loss,) = NextKItems(encoder, corpus, loss=Softmax, k=k, weights=weights)(x).values()
    after = {(0, 1): [2, 3], (0, 2): [3], (1, 0): [5, 6], (1, 1): [6], (2, 2): [7]}  # row 1 has no target
    found = [(x.hidden[p].detach(), labels[:k]) for p, labels in after.items()]
    assert loss.item() == pytest.approx(weighted(found, x.items.detach(), weights), rel=1e-5)
    assert len(encoder.passes) == 1, "the clean pass is computed once"


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5), st.integers(1, 4), st.booleans())
def test_what_follows_a_position_is_the_rest_of_its_row(lengths, k, has_target):
    width = max(lengths)
    rows = [torch.randint(1, 9, (n,)).tolist() for n in lengths]
    target = [9] * len(rows) if has_target else [0] * len(rows)
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows]).long().view(len(rows), width)
    nobody = torch.zeros(len(rows), dtype=torch.long)
    labels = following(Batch(nobody, nobody, ids, torch.tensor(target)[:, None]), k)
    assert labels.shape == (len(rows), width, k)
    for row, asked, found in zip(rows, target, labels.tolist(), strict=True):
        whole = [*row, asked] if asked else row
        for t in range(width):
            place = t - (width - len(row))
            expected = whole[place + 1 : place + 1 + k] if place >= 0 else []
            assert found[t] == expected + [0] * (k - len(expected))


@pytest.mark.parametrize("weights", ["alike", "reciprocal"])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("max_length", [1, 50])
def test_prefixes_train_the_vector_of_the_user_on_training_events(corpus, running, causal, weights, max_length):
    encoder = running(corpus, causal=causal)
    order = torch.tensor([4, 1, 0, 3, 2])
    batch = make_rows(corpus, "prefix", max_length).batch(order)
    x = encoder(batch)
    (loss,) = NextKItems(encoder, corpus, loss=Softmax, weights=weights)(x).values()
    after = [[2, 3], [3], [5, 6, 7], [6, 7], [7]]  # of users 1 and 2; user 3 has one event
    found = [(x.users[b].detach(), after[row]) for b, row in enumerate(order.tolist())]
    assert loss.item() == pytest.approx(weighted(found, x.items.detach(), weights), rel=1e-5)
    assert [labels[0] for _, labels in found] == batch.target[:, 0].tolist()


@pytest.mark.parametrize("kind", ["window", "prefix"])
def test_with_one_item_it_is_next_item(corpus, running, kind):
    encoder = running(corpus)
    x = encoder(make_rows(corpus, kind, 2).batch(torch.arange(3)))
    one, other = NextKItems(encoder, corpus, loss=Softmax, k=1), NextItem(encoder, corpus, loss=Softmax)
    torch.testing.assert_close(one(x)["next_k_items"], other(x)["next_item"])


def test_prefix_rows_are_those_of_every_corpus(running):
    """Users without events and with one lie between, and a first event has no row."""
    corpus = Corpus(torch.arange(1, 8), torch.tensor([0, 0, 1, 1, 4, 5, 7]), n_users=5, n_items=7)
    rows = make_rows(corpus, "prefix", 50)
    found = NextKItems(running(corpus), corpus, loss=Softmax)._after(torch.arange(len(rows)), 2)
    assert found.tolist() == [[3, 4], [4, 0], [7, 0]]
    assert found[:, :1].equal(rows.batch(torch.arange(len(rows))).target)


def test_a_pass_that_sees_its_labels_is_refused(corpus, batch, running):
    encoder = running(corpus, causal=False)
    with pytest.raises(CompositionError, match=r"next_k_items over window rows .* model\.causal=true, data\.rows=pref"):
        NextKItems(encoder, corpus, loss=Softmax)(encoder(batch))


@pytest.mark.parametrize("loss", [Softmax, BCE])
def test_a_batch_without_labels_costs_nothing(corpus, batch, running, loss):
    encoder = running(corpus)
    last = batch.items[:, -1:]
    empty = replace(batch, items=last, target=torch.zeros_like(last))
    (value,) = NextKItems(encoder, corpus, loss=loss)(encoder(empty)).values()
    value.backward()
    assert value == 0 and (encoder.table.weight.grad == 0).all()


def test_padding_changes_nothing(corpus, batch, running):
    encoder = running(corpus)
    objective = NextKItems(encoder, corpus, loss=Softmax)
    wide = replace(batch, items=F.pad(batch.items, (4, 0)))
    torch.testing.assert_close(objective(encoder(wide)), objective(encoder(batch)))


def test_no_item_to_predict_is_refused(corpus, running):
    with pytest.raises(CompositionError, match="next_k_items: k=0 must be at least 1"):
        NextKItems(running(corpus), corpus, loss=Softmax, k=0)
