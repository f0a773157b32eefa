"""Generated items against a loop over users and steps."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from options import composed

from ssrec.batch import Batch
from ssrec.compose import instantiate
from ssrec.data.prior import Prior
from ssrec.errors import CompositionError
from ssrec.pretext import prior_items as module
from ssrec.pretext.prior_items import prior_items


def made(world, model="sasrec", *settings):
    torch.manual_seed(0)
    encoder = instantiate(composed(f"model={model}", *settings).model, world.corpus)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    torch.nn.init.zeros_(encoder.table.sources["id"].embedding.weight[0].detach())  # padding
    return encoder


def naive(encoder, corpus, n, shorter_than, max_length):
    """Each user's items before the first event, the farthest first."""
    rows = []
    for user in range(corpus.user_rows):
        a, b = corpus.offsets[user : user + 2].tolist()
        events, times = corpus.items[a:b].tolist(), corpus.times[a:b].tolist()
        back, at = events[::-1], [times[0] + times[-1] - t for t in reversed(times)]
        found = []
        while events and len(found) < min(n, shorter_than - len(events)):
            ids, when = (torch.tensor([row[-max_length:]]) for row in (back, at))
            one = torch.tensor([user])
            scores = encoder(Batch(one, one, ids, one[:, None], times=when)).scores()[0]
            free = [i for i in corpus.trained.nonzero().flatten().tolist() if i not in back]
            if not free:
                break
            found.append(max(free, key=lambda i: float(scores[i])))
            back, at = [*back, found[-1]], [*at, at[-1]]
        rows.append(found[::-1])
    return rows


@pytest.mark.parametrize(
    ("model", "settings"), [("sasrec", []), ("sasrec", ["model.causal=false"]), ("tisasrec", []), ("gru4rec", [])]
)
@pytest.mark.parametrize("max_length", [4, 10])
def test_each_item_is_the_likeliest_before_what_there_is(world, monkeypatch, model, settings, max_length):
    monkeypatch.setattr(module, *(("ROWS", 7) if max_length == 4 else ("SCORES", 100)))
    encoder = made(world, model, *settings)
    found = prior_items(encoder, world.corpus, Prior(n=3, shorter_than=9), max_length)
    assert encoder.training, "it leaves the encoder in the mode that it had"
    with torch.no_grad():
        expected = naive(encoder.eval(), world.corpus, 3, 9, max_length)
    ends = found.offsets.tolist()
    assert [found.values[a:b].tolist() for a, b in pairwise(ends)] == expected
    assert {len(row) for row in expected} == {0, 1, 2, 3}


def test_items_without_events_are_not_generated(world):
    corpus = world.corpus
    cold = replace(corpus, items=torch.where(corpus.items > 20, corpus.items - 20, corpus.items))
    found = prior_items(made(world), cold, Prior(n=30, shorter_than=40), 10)
    assert (found.values > 0).all() and (found.values <= 20).all()
    met = {(int(u), int(i)) for u, i in zip(cold.history.rows, cold.items, strict=True)}
    new = [(int(u), int(i)) for u, i in zip(found.rows, found.values, strict=True)]
    assert len(set(new)) == len(new) and not met & set(new)


def test_settings_that_generate_nothing_are_refused(world):
    least = int(world.corpus.history.lengths[1:].min())
    assert len(prior_items(made(world), world.corpus, Prior(n=9, shorter_than=least + 1), 10).values)
    with pytest.raises(
        CompositionError, match=rf"={least} generates nothing: every training history has {least} events"
    ):
        prior_items(made(world), world.corpus, Prior(n=9, shorter_than=least), 10)


def test_it_draws_nothing_and_leaves_no_gradient(world):
    encoder = made(world)
    state = torch.get_rng_state()
    first, second = (prior_items(encoder, world.corpus, Prior(n=2, shorter_than=20), 10) for _ in range(2))
    assert torch.equal(first.values, second.values) and torch.equal(torch.get_rng_state(), state)
    assert len(first) == world.corpus.user_rows and not first.values.requires_grad
