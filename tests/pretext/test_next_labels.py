"""Which vectors predict what, over rows of both kinds."""

from dataclasses import replace

import pytest
import torch
from options import composed

from ssrec.batch import PAD
from ssrec.compose import instantiate
from ssrec.data.rows import make_rows
from ssrec.errors import CompositionError
from ssrec.pretext.next_labels import next_labels


@pytest.fixture
def encoder(world):
    return instantiate(composed("model=sasrec").model, world.corpus).eval()


def test_every_position_of_a_window_has_the_item_after_it(world, encoder):
    x = encoder(make_rows(world.corpus, "window", 10).batch(torch.arange(8)))
    vectors, labels = next_labels(x, "o")
    where = [(b, t) for b in range(8) for t in range(x.ids.shape[1]) if x.ids[b, t] != PAD]
    assert labels.tolist() == [int(x.batch.whole[b, t + 1]) for b, t in where]
    assert torch.equal(vectors, torch.stack([x.hidden[b, t] for b, t in where]))


def test_a_prefix_has_its_target(world, encoder):
    x = encoder(make_rows(world.corpus, "prefix", 10).batch(torch.arange(8)))
    vectors, labels = next_labels(x, "o")
    assert torch.equal(vectors, x.users) and torch.equal(labels, x.batch.target[:, 0])


def test_a_pass_that_would_see_its_labels_is_refused(world, encoder):
    batch = make_rows(world.corpus, "window", 10).batch(torch.arange(8))
    x = encoder(batch).view(batch.items, causal=False)
    with pytest.raises(CompositionError, match="o over window rows needs a causal pass"):
        next_labels(x, "o")
    next_labels(encoder(replace(batch, kind="prefix")).view(batch.items, causal=False), "o")
