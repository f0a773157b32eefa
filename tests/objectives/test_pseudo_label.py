"""pseudo_label against a loop over users, and which labels count."""

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.errors import CompositionError
from ssrec.objectives import pseudo_label
from ssrec.objectives.pseudo_label import PseudoLabel, most_probable
from ssrec.pretext.teacher import Teacher
from ssrec.ranking_losses import Softmax

KEEPING = partial(Teacher, momentum=0.5, momentum_end=0.5)
HISTORIES = {1: [1, 2, 3], 2: [4, 5, 6, 7], 3: [5]}


def naive_labels(objective, causal):
    """Of each user: the teacher's most probable item that she has not had, and its probability among those."""
    teacher = objective.teacher.average.module
    found = {}
    for user, history in HISTORIES.items():
        ids = torch.tensor([history if causal else [*history, teacher.mask]])
        new = [i for i in range(1, 8) if i not in history]
        scores = {i: float(teacher.encode(ids, causal)[0, -1] @ teacher.table.weight[i]) for i in new}
        mass = sum(torch.tensor(s).exp().item() for s in scores.values())
        best = max(new, key=scores.__getitem__)
        found[user] = best, torch.tensor(scores[best]).exp().item() / mass
    return found


def made(corpus, running, causal=True, **settings):
    encoder = running(corpus, causal=causal)
    objective = PseudoLabel(encoder, corpus, loss=Softmax, teacher=KEEPING, **settings)
    with torch.no_grad():
        encoder.table.weight[1:] += torch.randn(8, 4)
    return encoder, objective


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_label_is_the_teachers_after_the_last_event(corpus, batch, running, causal, share):
    encoder, objective = made(corpus, running, causal, share=share)
    x = encoder(batch)
    (loss,) = objective(x).values()
    labels = naive_labels(objective, causal)
    surest = sorted(HISTORIES, key=lambda user: -labels[user][1])[: 3 if share == 1 else 2]
    naive = 0.0
    for user in surest:
        ids = torch.tensor([HISTORIES[user] if causal else [*HISTORIES[user], corpus.mask]])
        hidden = encoder.encode(ids, causal)[0, -1]
        naive += F.cross_entropy(x.items[1:] @ hidden, torch.tensor(labels[user][0] - 1)).item()
    assert loss.item() == pytest.approx(naive / len(surest), rel=1e-5)
    loss.backward()
    assert encoder.table.weight.grad.any() and not list(objective.parameters())


def test_labels_below_the_threshold_do_not_count(corpus, batch, running):
    encoder, objective = made(corpus, running, share=1.0)
    confidence = sorted(p for _, p in naive_labels(objective, True).values())
    for n, threshold in enumerate([*confidence, 1.0]):
        objective.threshold = threshold * 1.001 if threshold < 1 else 1.0
        counted = objective._counted(torch.tensor(confidence))
        assert counted.sum() == max(0, 2 - n) and counted.tolist() == sorted(counted.tolist())
    (loss,) = objective(encoder(batch)).values()
    loss.backward()
    assert loss == 0 and not encoder.table.weight.grad.any(), "none is sure enough: it costs nothing"


def test_each_known_user_counts_once(corpus, batch, running):
    encoder, objective = made(corpus, running, share=1.0)
    twice = replace(
        batch,
        rows=batch.rows.repeat(2),
        user=torch.tensor([1, 2, 3, 1, 0, 3]),
        items=batch.items.repeat(2, 1),
        target=batch.target.repeat(2, 1),
    )
    torch.testing.assert_close(objective(encoder(twice))["pseudo_label"], objective(encoder(batch))["pseudo_label"])
    stranger = batch.select(torch.tensor([0]))
    assert objective(encoder(replace(stranger, user=torch.zeros(1, dtype=torch.long))))["pseudo_label"] == 0


def test_it_reads_what_the_encoder_can_read_with_its_times(corpus, batch, running):
    timed = Corpus(corpus.items, corpus.offsets, 3, 7, times=torch.arange(8) + 100)
    encoder = running(timed, max_length=2)
    objective = PseudoLabel(encoder, timed, loss=Softmax, teacher=KEEPING)
    ids, times = objective._histories(encoder(batch), torch.tensor([1, 2, 3]))
    assert ids.tolist() == [[2, 3], [6, 7], [0, 5]] and times.tolist() == [[101, 102], [105, 106], [0, 107]]


@pytest.mark.parametrize("budget", [1, 20, 10_000])
def test_the_most_probable_item_is_one_that_the_row_has_not_had(monkeypatch, budget):
    monkeypatch.setattr(pseudo_label, "BUDGET", budget)
    users, items = torch.randn(9, 4), torch.randn(8, 4)
    items[0] = 100.0  # padding
    had = [[], [1, 2], [7], [3, 3], [1, 2, 3, 4, 5, 6], [], [5], [6, 1], [2]]
    lengths = torch.tensor([0, *map(len, had)])
    found, probability = most_probable(
        users, items, Ragged(torch.tensor([i for own in had for i in own]), lengths.cumsum(0))
    )
    for row, own in enumerate(had):
        new = [i for i in range(1, 8) if i not in own]
        expected = (items[new] @ users[row]).softmax(0).max(0)
        assert found[row] == new[expected.indices]
        torch.testing.assert_close(probability[row], expected.values)


def test_who_has_had_every_item_has_no_label(corpus, batch, running):
    everything = Corpus(torch.tensor([1, 2, 3, 4, 5, 6, 7, 4, 5, 6]), torch.tensor([0, 0, 7, 10, 10]), 3, 7)
    encoder, objective = made(everything, running, share=1.0)
    both = objective(encoder(batch.select(torch.tensor([0, 1]))))["pseudo_label"]
    assert both > 0 and torch.equal(both, objective(encoder(batch.select(torch.tensor([1]))))["pseudo_label"])
    assert objective(encoder(batch.select(torch.tensor([0]))))["pseudo_label"] == 0


def test_a_batch_without_rows_costs_nothing(corpus, running):
    encoder, objective = made(corpus, running)
    none = torch.zeros(0, dtype=torch.long)
    (loss,) = objective(encoder(Batch(none, none, none[:, None][:, :0], none[:, None]))).values()
    loss.backward()
    assert loss == 0


@pytest.mark.parametrize("wrong", ["threshold", "share"])
def test_settings_outside_their_range_are_refused(corpus, running, wrong):
    with pytest.raises(CompositionError, match=rf"pseudo_label: {wrong}=1\.5"):
        PseudoLabel(running(corpus), corpus, loss=Softmax, teacher=KEEPING, **{wrong: 1.5})
