"""How fast an epoch of SASRec is, and how much memory its loss takes, against the plain way in the same run.

    SSREC_DATA=<folder of the datasets> python benchmarks/training.py [--dataset amazon-beauty] [--epochs 5]

The baselines have the same encoder, the same start, the same number of updates and the same targets; they pad every
row to 50, gather the labelled positions and call `cross_entropy` on their whole logits matrix. `plain` is written with
torch's own dropout and attention, `padded` with ssrec's, so that only padding and loss differ. Epochs of all alternate,
so that a drift of the machine's speed hits all. The memory of the loss is measured in fresh processes.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from statistics import median
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssrec.batch import PAD, Batch, Corpus
from ssrec.blocks import Block
from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.rows import make_rows, plan
from ssrec.data.sources.amazon import AmazonBeauty
from ssrec.data.sources.movielens import MovieLens
from ssrec.data.sources.synthetic import Synthetic
from ssrec.data.split import LeaveOneOut
from ssrec.models.sasrec import SASRec
from ssrec.models.table import IdSource, Table
from ssrec.nn import Attention
from ssrec.objectives.next_item import NextItem
from ssrec.ranking_losses import Softmax

LENGTH, ROWS = 50, 256
SOURCES = {"amazon-beauty": AmazonBeauty, "ml-100k": partial(MovieLens, edition="100k"), "synthetic": Synthetic}


def encoder_for(corpus: Corpus) -> SASRec:
    torch.manual_seed(0)
    return SASRec(corpus, table=partial(Table, sources={"id": IdSource}), dim=64, layers=2, heads=2, max_length=LENGTH)


def read_plainly(encoder: SASRec, ids: Tensor) -> Tensor:
    """The encoder's pass over rows of 50, with its weights, in nothing but torch's own operations."""
    p = encoder.p if encoder.training else 0.0
    real = ids != PAD
    seen = real[:, None, None, :] & torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
    seen = seen | ~real[:, None, :, None]  # padding attends to everything, or its softmax is NaN
    places = cast(nn.Embedding, encoder.positions)(torch.arange(LENGTH - 1, -1, -1))
    x = F.dropout(F.embedding(ids, encoder.table.all()) + places, p)
    for block in cast(Iterable[Block], encoder.blocks):
        attention = cast(Attention, block.attention)
        query = block.attention_norm(x)
        weights, biases = attention.qkv.weight.chunk(3), attention.qkv.bias.chunk(3)
        parts = [F.linear(s, w, b) for s, w, b in zip((query, x, x), weights, biases, strict=True)]
        q, k, v = (part.unflatten(-1, (attention.heads, -1)).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, dropout_p=p)
        x = block.feed_norm(query + attention.out(mixed.transpose(1, 2).flatten(-2)))
        x = x + F.dropout(block.narrow(F.dropout(F.relu(block.widen(x)), p)), p)
    return encoder.leave(x)


def padded_loss(encoder: SASRec, batch: Batch, kind: str) -> Tensor:
    """Every row padded to 50, labelled positions gathered, the whole logits matrix."""
    wide = F.pad(batch.items, (LENGTH - batch.items.shape[1], 0), value=PAD)
    labels = F.pad(batch.labels, (LENGTH - batch.labels.shape[1], 0), value=PAD)
    # `encode` would leave most of the padding out
    hidden = read_plainly(encoder, wide) if kind == "plain" else encoder.read(wide, True, encoder.table)
    return F.cross_entropy(hidden[labels != PAD] @ encoder.table.all()[1:].T, labels[labels != PAD] - 1)


class Contender:
    """An encoder, its optimizer and its way of making a batch's loss."""

    def __init__(self, corpus: Corpus, kind: str):
        self.rows = make_rows(corpus, "window", LENGTH)
        self.encoder = encoder_for(corpus)
        self.objective = NextItem(self.encoder, corpus, loss=Softmax)
        self.optimizer = torch.optim.Adam(self.encoder.parameters(), lr=1e-3, fused=True)
        self.kind = kind
        self.seconds: list[float] = []
        self.updates = 0

    def loss(self, batch: Batch) -> Tensor:
        if self.kind != "ours":
            return padded_loss(self.encoder, batch, self.kind)
        return self.objective(self.encoder(batch))["next_item"]

    def epoch(self, seed: int) -> None:
        self.encoder.train()
        started = time.perf_counter()
        batching = "length" if self.kind == "ours" else "mixed"
        for rows in plan(self.rows, batching, ROWS, torch.Generator().manual_seed(seed)):
            loss = self.loss(self.rows.batch(rows))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.updates += 1
        self.seconds.append(time.perf_counter() - started)

    @torch.no_grad()
    def final_loss(self) -> float:
        """Cross-entropy over all training targets, without dropout."""
        self.encoder.eval()
        total = 0.0
        for rows in torch.arange(len(self.rows)).split(ROWS):
            batch = self.rows.batch(rows)
            total += float(padded_loss(self.encoder, batch, "padded")) * int((batch.labels != PAD).sum())
        return total / int(self.rows.targets.sum())


def speed(name: str, epochs: int) -> None:
    corpus = LeaveOneOut()(prepare(SOURCES[name](), Cleaning(), Path("outputs/data"))).corpus
    kinds = {kind: Contender(corpus, kind) for kind in ("ours", "padded", "plain")}
    ours = kinds["ours"]
    check_plain(ours.encoder, ours.rows.batch(torch.arange(ROWS)))
    targets = int(ours.rows.targets.sum())
    labels = int((corpus.history.lengths - 1).clamp(min=0).sum())
    assert targets == labels, "a training target was dropped"
    print(f"{name}: {len(ours.rows):,} windows for {corpus.n_users:,} users, {targets:,} targets: all there are")
    for epoch in range(epochs):
        for contender in kinds.values():
            contender.epoch(epoch)
        print(f"epoch {epoch + 1}: " + ", ".join(f"{kind} {c.seconds[-1]:6.2f} s" for kind, c in kinds.items()))
    own = ours.final_loss()
    print(f"ours: {ours.updates} updates, loss after {epochs} epochs {own:.4f}")
    for kind in ("padded", "plain"):
        other = kinds[kind]
        ratio = median(b / a for a, b in zip(ours.seconds, other.seconds, strict=True))
        loss = other.final_loss()
        print(f"{kind}: {other.updates} updates, loss {loss:.4f}, ours {100 * (own / loss - 1):+.2f} %; ", end="")
        print(f"ours is {ratio:.2f} times as fast (median)")


@torch.no_grad()
def check_plain(encoder: SASRec, batch: Batch) -> None:
    """The plain pass is the encoder's."""
    encoder.eval()
    plain, own = (padded_loss(encoder, batch, kind) for kind in ("plain", "padded"))
    assert torch.isclose(plain, own, rtol=1e-5), f"the baseline is another model: {plain} and {own}"


def peak_mib() -> float:
    """The largest resident memory of this process since its peak was last forgotten."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def one_step(kind: str, n_items: int, positions: int) -> None:
    """A loss and its gradients, in a process of its own; prints the memory it added."""
    torch.manual_seed(0)
    hidden = torch.randn(positions, 64, requires_grad=True)
    items = torch.randn(n_items + 1, 64, requires_grad=True)
    labels = torch.randint(1, n_items + 1, (positions,))
    corpus = Corpus(labels, torch.tensor([0, 0, positions]), 1, n_items)
    Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak that importing torch had
    before = peak_mib()
    if kind == "ours":
        loss = Softmax(corpus)(hidden, items, labels)
    else:
        loss = F.cross_entropy(hidden @ items[1:].T, labels - 1, reduction="sum")
    loss.backward()
    print(json.dumps({"mib": peak_mib() - before, "loss": loss.item()}))


def memory(positions: int) -> None:
    print(f"\nmemory that a loss over {positions} positions and its gradients add, d 64, fp32")
    for n_items in (12_101, 1_000_000):
        row = {}
        for kind in ("ours", "plain"):
            command = [sys.executable, __file__, "--one-step", kind, str(n_items), str(positions)]
            row[kind] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        matrix = positions * n_items * 4 / 2**20
        ours, plain = row["ours"], row["plain"]
        print(
            f"{n_items:9,} items: {ours['mib']:8,.0f} MiB, plain {plain['mib']:8,.0f} MiB "
            f"(the matrix alone {matrix:,.0f}); losses differ by {abs(ours['loss'] / plain['loss'] - 1):.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=SOURCES, default="amazon-beauty")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--positions", type=int, default=1500)
    parser.add_argument("--one-step", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one_step:
        one_step(chosen.one_step[0], int(chosen.one_step[1]), int(chosen.one_step[2]))
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    speed(chosen.dataset, chosen.epochs)
    memory(chosen.positions)


if __name__ == "__main__":
    main()
