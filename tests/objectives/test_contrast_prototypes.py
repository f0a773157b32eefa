"""contrast_prototypes against loops over nodes and centroids, and its clusters on two processes against one."""

import math
import subprocess
import sys

import pytest
import torch
from edges import Nodes, cosine, edges

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.learning.schedules import Ramp
from ssrec.objectives.contrast_prototypes import ContrastPrototypes
from ssrec.runs import read
from ssrec.train import train

USERS, ITEMS = [1, 1, 2, 3], [1, 3, 3, 5]


@pytest.mark.parametrize("layer", ["readout", 0])
@pytest.mark.parametrize(("anchors", "reduction"), [("unique", "mean"), ("edges", "mean"), ("edges", "sum")])
def test_a_node_is_told_from_all_centroids_by_its_own(corpus, layer, anchors, reduction):
    encoder = Nodes(corpus)
    settings = {"layer": layer, "anchors": anchors, "reduction": reduction, "temperature": 0.3}
    objective = ContrastPrototypes(encoder, corpus, clusters=2, **settings)
    objective.before_epoch(encoder, corpus)
    x = encoder(edges(USERS, ITEMS))
    parts = objective(x)
    assert list(parts) == ["users", "items"]
    for kind, ids, first in (("users", USERS, 0), ("items", ITEMS, corpus.user_rows)):
        vectors = (x.nodes if layer == "readout" else x.layers[0]).detach()[first:]
        centroids, total = objective.get_buffer(f"{kind}_centroids"), 0.0
        some = ids if anchors == "edges" else sorted(set(ids))
        for i in some:
            own = min(range(2), key=lambda c: float((vectors[i] - centroids[c]).norm()))
            logits = [cosine(vectors[i], centroid) / 0.3 for centroid in centroids]
            total += math.log(sum(map(math.exp, logits))) - logits[own]
        expected = total / len(some) if reduction == "mean" else total
        assert parts[kind].item() == pytest.approx(expected, rel=1e-4)
    torch.stack(list(parts.values())).sum().backward()
    assert encoder.free.grad.any()
    assert not list(objective.parameters())


def test_clusters_are_of_what_was_trained_on_and_made_anew(corpus):
    """As many as there are with events: then each is its own centroid; row 0 and cold ones have none."""
    sparse = Corpus(torch.tensor([1, 2, 2]), torch.tensor([0, 0, 2, 2, 3]), n_users=3, n_items=7)  # user 2 has no event
    encoder = Nodes(sparse)
    objective = ContrastPrototypes(encoder, sparse, clusters=50, layer=0)
    objective.before_epoch(encoder, sparse)
    free = encoder.free.detach()
    for kind, rows in {"users": torch.tensor([1, 3]), "items": torch.tensor([5, 6])}.items():
        found = objective.get_buffer(f"{kind}_centroids")
        torch.testing.assert_close(found.sort(0).values, free[rows].sort(0).values)
    kept = objective.get_buffer("users_centroids").clone()
    with torch.no_grad():
        encoder.free += 1
    assert encoder.train().training
    objective.before_epoch(encoder, sparse)
    assert encoder.training and not torch.equal(objective.get_buffer("users_centroids"), kept)


def test_no_edges_cost_nothing(corpus):
    encoder = Nodes(corpus)
    objective = ContrastPrototypes(encoder, corpus, clusters=2)
    objective.before_epoch(encoder, corpus)
    assert sum(objective(encoder(edges([], []))).values()) == 0


def test_it_may_start_at_a_later_epoch(tiny):
    weight = "{_target_: ssrec.learning.schedules.Ramp, value: 0.1, first: 1}"
    chosen = ["model=lightgcn", "model.dim=8", "objective=[bpr,contrast_prototypes]", "trainer.max_epochs=2"]
    folder = train(tiny(*chosen, f"objective.contrast_prototypes.weight={weight}"))
    (log,) = folder.rglob("metrics.csv")
    rows = [line.split(",") for line in log.read_text().splitlines()]
    place = rows[0].index("train/contrast_prototypes/users")
    assert [bool(row[place]) for row in rows[1:] if row[rows[0].index("train/loss")]] == [False, True]
    assert Ramp(0.1, first=1).asleep(0) and "test/ndcg@10" in read(folder)["metrics"]


@pytest.mark.parametrize("wrong", [{"clusters": 0}, {"iterations": 0}, {"restarts": 0}, {"temperature": 0.0}])
def test_settings_outside_their_range_are_refused(corpus, wrong):
    (name,) = wrong
    with pytest.raises(CompositionError, match=f"contrast_prototypes: {name}=0"):
        ContrastPrototypes(Nodes(corpus), corpus, **wrong)
    with pytest.raises(CompositionError, match="contrast_prototypes: there is no layer 2"):
        ContrastPrototypes(Nodes(corpus), corpus, layer=2)


TWO = """
import sys
import torch, torch.distributed as dist

torch.set_num_threads(1)
rank, folder = int(sys.argv[1]), sys.argv[2]
sys.path[:0] = sys.argv[3:]
from edges import Nodes
from ssrec.objectives.contrast_prototypes import ContrastPrototypes

corpus = torch.load(f"{folder}/corpus.pt", weights_only=False)
torch.manual_seed(0)
encoder = Nodes(corpus)
objective = ContrastPrototypes(encoder, corpus, clusters=4)
torch.manual_seed(rank)
if rank < 2:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
else:
    torch.manual_seed(0)
objective.before_epoch(encoder, corpus)
torch.save(objective.state_dict(), f"{folder}/{rank}.pt")
if rank < 2:
    dist.destroy_process_group()
"""


def test_two_processes_cluster_as_one_does(tmp_path, request):
    lengths = torch.randint(1, 6, (31,))
    offsets = torch.cat([torch.zeros(2, dtype=torch.long), lengths.cumsum(0)])
    torch.save(
        Corpus(torch.randint(1, 30, (int(offsets[-1]),)), offsets, n_users=31, n_items=29), tmp_path / "corpus.pt"
    )
    script = [sys.executable, "-W", "error", "-c", TWO]
    places = [str(tmp_path), str(request.path.parent.parent)]
    workers = [subprocess.Popen([*script, str(rank), *places], stderr=subprocess.PIPE, text=True) for rank in range(3)]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
    zero, one, alone = (torch.load(tmp_path / f"{rank}.pt") for rank in range(3))
    torch.testing.assert_close(zero, one, rtol=0, atol=0)
    torch.testing.assert_close(zero, alone)
