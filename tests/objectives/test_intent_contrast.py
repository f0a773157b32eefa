"""intent_contrast against loops over rows, and its clusters on two processes against one."""

import subprocess
import sys
from functools import partial

import pytest
import torch

from ssrec.batch import Batch, Corpus
from ssrec.errors import CompositionError
from ssrec.objectives.intent_contrast import IntentContrast
from ssrec.views.sequence import Mask, Reorder

VIEWS = {"mask": partial(Mask, rate=0.5), "reorder": partial(Reorder, rate=1.0)}


def naive_nce(anchors, intents, of, temperature, masks):
    """Every vector of both sides against all others: the mean of -log softmax of its own pair."""
    n, total = len(anchors), 0.0
    both = torch.cat([anchors, intents]).tolist()
    for i in range(2 * n):
        pair, mass = (i + n) % (2 * n), 0.0
        for j in range(2 * n):
            own = j in (i, pair)
            if j == i or (masks and not own and of[i % n] == of[j % n]):
                continue
            mass += torch.tensor(sum(a * b for a, b in zip(both[i], both[j], strict=True)) / temperature).exp().item()
        positive = sum(a * b for a, b in zip(both[i], both[pair], strict=True)) / temperature
        total -= positive - torch.tensor(mass).log().item()
    return total / (2 * n)


@pytest.mark.parametrize("false_negatives", ["keep", "mask"])
@pytest.mark.parametrize("pool", ["last", "mean"])
def test_each_view_is_told_from_others_by_the_intent_of_its_row(corpus, running, pool, false_negatives):
    items = torch.tensor([[0, 1, 2], [4, 5, 6], [0, 1, 2], [0, 0, 5]])
    batch = Batch(torch.arange(4), torch.tensor([1, 2, 1, 3]), items, torch.tensor([[3], [7], [3], [6]]))
    encoder = running(corpus)
    settings = {"temperature": 0.5, "false_negatives": false_negatives}
    objective = IntentContrast(encoder, corpus, views=VIEWS, pool=pool, clusters=2, **settings)

    def pooled(ids):
        hidden = encoder.encode(ids, True).detach()
        return torch.stack([hidden[b, -1] if pool == "last" else hidden[b, ids[b] != 0].mean(0) for b in range(4)])

    objective.centroids.copy_(pooled(items)[:2] + torch.randn(2, 4) / 10)
    encoder.passes.clear()
    (loss,) = objective(encoder(batch)).values()
    (clean, _), (first, _), (second, _) = encoder.passes
    assert torch.equal(clean, items)

    of = [min(range(2), key=lambda c: float((row - objective.centroids[c]).norm())) for row in pooled(clean)]
    assert of[:3] == [0, 1, 0], "rows lie near their own centroid"
    intents = torch.stack([objective.centroids[c] / objective.centroids[c].norm() for c in of])
    masks = false_negatives == "mask"
    naive = [naive_nce(pooled(seen), intents, of, 0.5, masks) for seen in (first, second)]
    assert loss.item() == pytest.approx(sum(naive) / 2, rel=1e-4)
    loss.backward()
    assert encoder.table.weight.grad.any()


def test_intents_are_clusters_of_what_training_rows_read(corpus, running):
    """Users 1 and 2 have rows, and user 3, with one event, has none; the last event is a label, not an input."""
    encoder = running(corpus)
    objective = IntentContrast(encoder, corpus, views=VIEWS, clusters=8).train()
    assert len(objective.centroids) == 2
    objective.before_epoch(encoder, corpus)
    table = encoder.table.weight.detach()
    naive = [torch.stack([table[1], table[1] + table[2]]).mean(0)]
    naive += [torch.stack([table[4], table[4] + table[5], table[4] + table[5] + table[6]]).mean(0)]
    torch.testing.assert_close(objective.centroids.sort(0).values, torch.stack(naive).sort(0).values)
    assert encoder.training, "the encoder's mode is as it was"
    kept = objective.centroids.clone()
    with torch.no_grad():
        encoder.table.weight[1:] += 1
    objective.before_epoch(encoder, corpus)
    assert not torch.equal(objective.centroids, kept), "they are clustered anew each epoch"
    assert not list(objective.parameters())


TWO = """
import sys
from functools import partial
import torch, torch.distributed as dist
from ssrec.batch import Corpus
from ssrec.distributed import of_all
from ssrec.models.sasrec import SASRec
from ssrec.models.table import IdSource, Table
from ssrec.objectives.intent_contrast import IntentContrast
from ssrec.views.sequence import Mask

torch.set_num_threads(1)
rank, folder = int(sys.argv[1]), sys.argv[2]
corpus = torch.load(f"{folder}/corpus.pt", weights_only=False)
torch.manual_seed(0)
encoder = SASRec(corpus, table=partial(Table, sources={"id": IdSource}), dim=8, heads=1)
objective = IntentContrast(encoder, corpus, views={"mask": partial(Mask, rate=0.5)}, clusters=5)
torch.manual_seed(rank)
if rank < 2:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
else:
    torch.manual_seed(0)
objective.before_epoch(encoder, corpus)
same = objective._same(torch.tensor([rank, 1, 2][: 2 + rank]))
torch.save((objective.centroids, same), f"{folder}/{rank}.pt")
if rank < 2:
    dist.destroy_process_group()
"""


def test_two_processes_cluster_as_one_does(tmp_path):
    lengths = torch.randint(0, 6, (31,))
    offsets = torch.cat([torch.zeros(2, dtype=torch.long), lengths.cumsum(0)])
    items = torch.randint(1, 9, (int(offsets[-1]),))
    torch.save(Corpus(items, offsets, n_users=31, n_items=8), tmp_path / "corpus.pt")
    script = [sys.executable, "-W", "error", "-c", TWO]
    workers = [
        subprocess.Popen([*script, str(rank), str(tmp_path)], stderr=subprocess.PIPE, text=True) for rank in range(3)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
    (zero, same_zero), (one, same_one), (alone, _) = (torch.load(tmp_path / f"{rank}.pt") for rank in range(3))
    assert torch.equal(zero, one)
    torch.testing.assert_close(zero, alone)
    # rows 0 and 1 lie with the first process, 1, 1 and 2 with the second
    assert same_zero.int().tolist() == [[0, 0, 0, 0, 0], [0, 0, 1, 1, 0]]
    assert same_one.int().tolist() == [[0, 1, 0, 1, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]]


@pytest.mark.parametrize("wrong", [{"clusters": 0}, {"iterations": 0}, {"restarts": 0}, {"temperature": 0.0}])
def test_settings_outside_their_range_are_refused(corpus, running, wrong):
    (name,) = wrong
    with pytest.raises(CompositionError, match=f"intent_contrast: {name}=0"):
        IntentContrast(running(corpus), corpus, views=VIEWS, **wrong)
