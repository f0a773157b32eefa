"""How fast steps of graph models are, against the same maths in torch's sparse matrices and autograd, in the same run.

    SSREC_DATA=<folder of the datasets> python benchmarks/graph.py [--method sgl] [--dataset gowalla] [--rounds 10]

Methods: lightgcn (BPR), sgl (a contrast of two passes without a tenth of the edges, against all nodes), simgcl (one
of two noisy passes, against the batch's nodes). The plain way is the one that public codes have: an adjacency in COO
form, `torch.sparse.mm` in every layer, whole matrices of similarities, autograd for the rest; the graphs of SGL are
drawn once, for both, outside of the measured time. Both have the same start, the same optimizer, the same batches and
the same negatives, so their losses agree. Rounds of a few steps alternate, so that a drift of the machine's speed
hits both. Without the dataset, or with `--dataset generated`, the graph is a random one of Gowalla's size.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssrec.batch import Batch, Corpus
from ssrec.contrasts.nodes import NodeContrast
from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.rows import make_rows, plan
from ssrec.data.sources.lightgcn_files import LightGCNFiles
from ssrec.data.splits.given import Given
from ssrec.graphs import Graph
from ssrec.models.lightgcn import LightGCN
from ssrec.negatives import Unmet
from ssrec.objectives.bpr import BPR
from ssrec.objectives.contrast_graph import ContrastGraph
from ssrec.objectives.objective import Objective
from ssrec.views.graph.edge_drop import EdgeDrop
from ssrec.views.graph.noise import Noise

DIM, LAYERS, L2, LEARNING_RATE = 64, 3, 1e-4, 1e-3
WEIGHT, TEMPERATURE, DROPPED, NOISE = 0.1, 0.2, 0.1, 0.1  # of the contrasts
USERS, ITEMS, EVENTS = 29_858, 40_981, 810_128  # of the training part


def gowalla() -> Corpus:
    source = LightGCNFiles(name="gowalla", download=False)
    return Given()(prepare(source, Cleaning(ties="file"), Path("outputs/data"))).corpus


def generated() -> Corpus:
    """A graph of Gowalla's size: users alike, items by the square of a uniform number, so that some are popular."""
    generator = torch.Generator().manual_seed(0)
    user = torch.randint(1, USERS + 1, (EVENTS,), generator=generator).sort().values
    item = (torch.rand(EVENTS, generator=generator).square() * ITEMS).long() + 1
    offsets = F.pad(torch.bincount(user, minlength=USERS + 1).cumsum(0), (1, 0))
    return Corpus(item, offsets, USERS, ITEMS)


def coo(graph: Graph) -> Tensor:
    places = torch.stack([graph.rows.long(), graph.neighbours.long()])
    size = graph.n_nodes, graph.n_nodes
    kept = graph.weights != 0
    return torch.sparse_coo_tensor(places[:, kept], graph.weights[kept], size, check_invariants=False).coalesce()


class Plain(nn.Module):
    """Vectors of nodes, the normalised adjacency as a sparse COO matrix, and those of the views of a graph."""

    def __init__(self, encoder: LightGCN, terms: list[Objective]):
        super().__init__()
        self.start = nn.Parameter(encoder.embedding.weight.detach().clone())
        self.adjacency = coo(encoder.graph)
        self.user_rows = encoder.user_rows
        self.layer0 = encoder.layer0
        views = [view for term in terms if isinstance(term, ContrastGraph) for view in term.made]
        kept = (view.kept for view in views if isinstance(view, EdgeDrop))
        self.dropped = [coo(graph) for graph in kept if isinstance(graph, Graph)]

    def propagate(self, adjacency: Tensor, noise: float = 0.0) -> Tensor:
        layers: list[Tensor] = [self.start]
        for _ in range(LAYERS):
            x = torch.sparse.mm(adjacency, layers[-1])
            layers.append(x + x.sign() * F.normalize(torch.rand_like(x), dim=1) * noise if noise else x)
        return torch.stack(layers if self.layer0 else layers[1:]).mean(0)


def plain_bpr(model: Plain, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """`-log sigmoid(u.i - u.j)` and half the squared norm of layer 0, both over the batch."""
    nodes = model.propagate(model.adjacency)
    three = users, positives + model.user_rows, negatives + model.user_rows
    user, positive, negative = (nodes[index] for index in three)
    difference = (user * positive).sum(1) - (user * negative).sum(1)
    norms = sum((model.start[index].square().sum() for index in three), torch.zeros(()))
    return F.softplus(-difference).mean() + L2 / 2 * norms / len(users)


def plain_sgl(model: Plain, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """With the softmax of each edge's user among all users, and of its item among all items, between two graphs."""
    loss = plain_bpr(model, users, positives, negatives)
    first, second = (F.normalize(model.propagate(graph), dim=1) for graph in model.dropped)
    for ids, rows in ((users, slice(model.user_rows)), (positives, slice(model.user_rows, None))):
        logits = first[rows][ids] @ second[rows][1:].T / TEMPERATURE
        loss = loss + WEIGHT * F.cross_entropy(logits, ids - 1)
    return loss


def plain_simgcl(model: Plain, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """With the softmax of each node of the batch among the batch's nodes of its kind, between two noisy passes."""
    loss = plain_bpr(model, users, positives, negatives)
    first, second = (model.propagate(model.adjacency, NOISE) for _ in range(2))
    for nodes in (users.unique(), positives.unique() + model.user_rows):
        one, other = (F.normalize(x[nodes], dim=1) for x in (first, second))
        loss = loss + WEIGHT * F.cross_entropy(one @ other.T / TEMPERATURE, torch.arange(len(nodes)))
    return loss


@dataclass(frozen=True)
class Method:
    """Our terms, which share the passes of one encoding, and the plain loss; with how many propagations a step."""

    propagations: int
    terms: Callable[[LightGCN, Corpus], list[Objective]]
    plain: Callable[[Plain, Tensor, Tensor, Tensor], Tensor]
    layer0: bool = True


node_contrast = partial(NodeContrast, temperature=TEMPERATURE, user_weight=WEIGHT, item_weight=WEIGHT)


def bpr_alone(encoder: LightGCN, corpus: Corpus) -> list[Objective]:
    return [BPR(encoder, corpus, l2=L2)]


def with_dropped_edges(encoder: LightGCN, corpus: Corpus) -> list[Objective]:
    contrast = node_contrast(negatives="all", anchors="edges")
    views = {"edge_drop": partial(EdgeDrop, rate=DROPPED)}
    return [*bpr_alone(encoder, corpus), ContrastGraph(encoder, corpus, views=views, contrast=contrast)]


def with_noise(encoder: LightGCN, corpus: Corpus) -> list[Objective]:
    contrast = node_contrast()
    views = {"noise": partial(Noise, length=NOISE)}
    return [*bpr_alone(encoder, corpus), ContrastGraph(encoder, corpus, views=views, contrast=contrast)]


METHODS = {
    "lightgcn": Method(1, bpr_alone, plain_bpr),
    "sgl": Method(3, with_dropped_edges, plain_sgl),
    "simgcl": Method(3, with_noise, plain_simgcl, layer0=False),
}


class Contender:
    """Parameters, an optimizer, and a way to the loss of a batch."""

    def __init__(self, model: nn.Module, loss: Callable[[Batch], Tensor]):
        self.loss = loss
        self.optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def round(self, batches: list[Batch], seed: int) -> None:
        torch.manual_seed(seed)
        started = time.perf_counter()
        for batch in batches:
            loss = self.loss(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())
        self.seconds.append((time.perf_counter() - started) / len(batches))


def contenders(name: str, corpus: Corpus) -> dict[str, Contender]:
    method = METHODS[name]
    torch.manual_seed(0)
    encoder = LightGCN(corpus, dim=DIM, layers=LAYERS, layer0=method.layer0)
    terms, unmet = method.terms(encoder, corpus), Unmet(corpus)
    for term in terms:
        term.before_epoch(encoder, corpus)
    plain = Plain(encoder, terms)

    def ours(batch: Batch) -> Tensor:
        x = encoder(batch)
        return torch.stack([value for term in terms for value in term(x).values()]).sum()

    def theirs(batch: Batch) -> Tensor:
        return method.plain(plain, batch.user, batch.target[:, 0], unmet(batch.user))

    return {"ours": Contender(encoder, ours), "plain": Contender(plain, theirs)}


def compare(name: str, corpus: Corpus, batch_size: int, rounds: int, steps: int) -> None:
    rows = make_rows(corpus, "edge", 1)
    planned = plan(rows, "mixed", batch_size, torch.Generator().manual_seed(0))
    print(
        f"{name}: {METHODS[name].propagations} propagation(s) of {LAYERS} layers a step, "
        f"{len(planned):,} steps of {batch_size:,} edges an epoch"
    )
    both = contenders(name, corpus)
    for number in range(rounds + 1):
        batches = [rows.batch(planned[(number * steps + i) % len(planned)]) for i in range(steps)]
        for contender in both.values():
            contender.round(batches, number)
        words = ", ".join(f"{kind} {c.seconds[-1]:.3f} s, loss {c.losses[-1]:.6f}" for kind, c in both.items())
        print(f"round {number}, a step: {words}" + ("" if number else " (to warm up, not counted)"))
    ours, plain = both["ours"], both["plain"]
    ratio = median(b / a for a, b in zip(ours.seconds[1:], plain.seconds[1:], strict=True))
    apart = max(abs(a / b - 1) for a, b in zip(ours.losses, plain.losses, strict=True))
    for kind, contender in both.items():
        second = median(contender.seconds[1:])
        print(f"{kind}: {second:.3f} s a step (median), {second * len(planned):.0f} s an epoch")
    print(f"ours is {ratio:.2f} times as fast (median); {len(ours.losses)} losses differ by {apart:.1e} at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=METHODS, default="lightgcn")
    parser.add_argument("--dataset", choices=("gowalla", "generated"), default="gowalla")
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=5, help="steps a round")
    chosen = parser.parse_args()
    there = "SSREC_DATA" in os.environ and (Path(os.environ["SSREC_DATA"]) / "gowalla").is_dir()
    real = chosen.dataset == "gowalla" and there
    corpus = gowalla() if real else generated()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{'gowalla' if real else 'generated'}: {corpus.n_users:,} users, {corpus.n_items:,} items, ", end="")
    print(f"{len(corpus.items):,} events")
    compare(chosen.method, corpus, chosen.batch_size, chosen.rounds, chosen.steps)


if __name__ == "__main__":
    main()
