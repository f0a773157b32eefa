"""What an evaluation costs beyond the product of users and items and its top lists, at the size of Gowalla.

    python benchmarks/evaluation.py [--users 29858] [--items 40981] [--dim 64] [--repeats 5]

Ours: scores, ranks of all targets, top lists with the past left out, and every metric of the default set at K = 10, 20
and 50. The baseline: `users @ items.T` and `topk(50)` over the same chunks of users. Both alternate, so that a drift of
the machine's speed hits both. On a subset of users, with scores at hand: torchmetrics' retrieval metrics, and the usual
Python loop over users.
"""

import argparse
import math
import resource
import time
from collections.abc import Callable
from statistics import median

import torch
from omegaconf import OmegaConf
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.retrieval import RetrievalNormalizedDCG, RetrievalRecall

from ssrec import confs
from ssrec.batch import Attributes, Corpus, Ragged
from ssrec.compose import instantiate
from ssrec.data.module import SCORES
from ssrec.data.rows import held_batch
from ssrec.data.split import Held
from ssrec.encodings.encoding import dot_scores
from ssrec.metrics.metric import reads_whole
from ssrec.ranking import Ranking, ranking

KS = (10, 20, 50)
PAST, TARGETS, ATTRIBUTES = 27, 7, 500  # events of a user in Gowalla's parts, about; categories of the generated items


def histories(n_users: int, n_items: int, mean: int, generator: torch.Generator) -> Ragged:
    """Long-tailed items in rows of 1 to 2 x mean - 1."""
    lengths = torch.randint(1, 2 * mean, (n_users,), generator=generator)
    drawn = n_items * torch.rand(int(lengths.sum()), generator=generator) ** 2
    return Ragged(1 + drawn.long().clamp(max=n_items - 1), torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))


def world(n_users: int, n_items: int) -> tuple[Corpus, Held]:
    generator = torch.Generator().manual_seed(0)
    past = histories(n_users, n_items, PAST, generator)
    target = histories(n_users, n_items, TARGETS, generator)
    offsets = torch.cat([torch.zeros(2, dtype=torch.long), 3 * torch.arange(1, n_items + 1)])
    values = torch.randint(ATTRIBUTES, (3 * n_items,), generator=generator)
    corpus = Corpus(
        past.values,
        torch.cat([past.offsets.new_zeros(1), past.offsets]),
        n_users=n_users,
        n_items=n_items,
        attributes=Attributes(Ragged(values, offsets), tuple(map(str, range(ATTRIBUTES)))),
    )
    return corpus, Held(torch.arange(1, n_users + 1), past, target)


def default_metrics(corpus: Corpus) -> dict[str, Metric]:
    """The metrics of conf/train.yaml."""
    train = OmegaConf.load(confs.folder() / "train.yaml")
    names = next(entry.metric for entry in train.defaults if "metric" in entry)
    found = {}
    for name in names:
        node = OmegaConf.load(confs.folder() / "metric" / f"{name}.yaml")
        node.ks = list(KS)
        found[name] = instantiate(node[name])(corpus)
    return found


def naive(scores: Tensor, held: Held) -> dict[str, float]:
    """Recall and NDCG at 20 as they are usually written: one user after another."""
    recall = ndcg = 0.0
    for u in range(len(scores)):
        row = scores[u].clone()
        row[held.past.values[held.past.offsets[u] : held.past.offsets[u + 1]]] = -math.inf
        row[0] = -math.inf
        top = row.topk(20).indices.tolist()
        wanted = set(held.target.values[held.target.offsets[u] : held.target.offsets[u + 1]].tolist())
        hits = [i for i, item in enumerate(top) if item in wanted]
        recall += len(hits) / len(wanted)
        ideal = sum(1 / math.log2(i + 2) for i in range(min(20, len(wanted))))
        ndcg += sum(1 / math.log2(i + 2) for i in hits) / ideal
    return {"recall@20": recall / len(scores), "ndcg@20": ndcg / len(scores)}


def theirs(scores: Tensor, held: Held) -> dict[str, float]:
    """torchmetrics' retrieval metrics over every score."""
    n, width = scores.shape
    target = torch.zeros_like(scores, dtype=torch.bool)
    target[held.target.rows, held.target.values] = True
    masked = scores.clone()
    masked[held.past.rows, held.past.values] = -math.inf
    masked[:, 0] = -math.inf
    masked[target] = scores[target]  # a target stays a candidate, as with us
    users = torch.arange(n).repeat_interleave(width)
    metrics = {"recall@20": RetrievalRecall(top_k=20), "ndcg@20": RetrievalNormalizedDCG(top_k=20)}
    for metric in metrics.values():
        metric.update(masked.flatten(), target.flatten(), indexes=users)
    return {name: float(metric.compute()) for name, metric in metrics.items()}


def timed(run: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    found = run()
    return time.perf_counter() - started, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=29_858)
    parser.add_argument("--items", type=int, default=40_981)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--subset", type=int, default=300)
    chosen = parser.parse_args()
    corpus, held = world(chosen.users, chosen.items)
    generator = torch.Generator().manual_seed(1)
    users = torch.randn(chosen.users, chosen.dim, generator=generator)
    items = torch.randn(corpus.item_rows, chosen.dim, generator=generator)
    chunks = torch.arange(chosen.users).split(max(1, min(512, SCORES // corpus.item_rows)))
    metrics = default_metrics(corpus)

    def judged(rows: Tensor) -> Ranking:
        batch = held_batch(held, rows, 50)
        whole = any(map(reads_whole, metrics.values()))
        return ranking(dot_scores(users[rows], items), batch, max(KS), item_vectors=items, whole=whole)

    def ours() -> dict[str, float]:
        for metric in metrics.values():
            metric.reset()
        for rows in chunks:
            found = judged(rows)
            for metric in metrics.values():
                metric.update(found)
        return {name: float(v) for metric in metrics.values() for name, v in metric.compute().items()}

    def bare() -> None:
        for rows in chunks:
            (users[rows] @ items.T).topk(max(KS))

    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{chosen.users:,} users x {chosen.items:,} items, d {chosen.dim}, {len(held.target.values):,} targets")
    print(f"{len(metrics)} metrics at K = {', '.join(map(str, KS))}: {', '.join(metrics)}")
    bare()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours()
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    ratios = []
    for _ in range(chosen.repeats):
        a, b = timed(ours)[0], timed(bare)[0]
        ratios.append(a / b)
        print(f"ours {a:6.2f} s, product and topk {b:6.2f} s: {a / b:.2f} times")
    print(f"median {median(ratios):.2f} times; memory beyond the bare product's {extra:,.0f} MiB")

    rows = torch.arange(chosen.subset)
    part = Held(held.user[rows], held.past.select(rows), held.target.select(rows))
    scores = dot_scores(users[rows], items)
    few = {name: metrics[name] for name in ("recall", "ndcg")}

    def few_of_ours() -> dict[str, float]:
        batch = held_batch(part, rows, 50)
        found = ranking(scores, batch, 20, item_vectors=items, whole=False)
        done = {}
        for metric in few.values():
            metric.reset()
            metric.ks = (20,)
            metric.update(found)
            done |= {name: float(v) for name, v in metric.compute().items()}
        return done

    print(f"\nrecall@20 and ndcg@20 of {chosen.subset} users, scores at hand")
    few_of_ours()
    own, expected = timed(few_of_ours)
    for name, other in (("torchmetrics", theirs), ("a Python loop", naive)):
        seconds, found = timed(lambda other=other: other(scores, part))
        print(f"{name}: {seconds:.2f} s, {seconds / own:.0f} times ours ({own:.3f} s); {found} and {expected}")


if __name__ == "__main__":
    main()
