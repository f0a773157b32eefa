"""Numbers that a refactor must not move: losses of three steps, and the floors' metrics, on a world made here.

Stored in golden.json. Where a change of results is meant, `python tests/test_golden.py --write` stores the new ones;
the commit raises `ssrec.runs.NUMERICS` and says why they moved. Every setting is passed, so no default moves them, and
the steps are plain gradient descent: Adam would blow rounding up where a gradient is zero.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import pytest
import torch
from torch import Tensor

from ssrec.batch import Batch, Corpus
from ssrec.contrasts.info_nce import InfoNCE
from ssrec.data.canonical import Canonical
from ssrec.data.module import DataModule
from ssrec.data.rows import Kind, held_batch
from ssrec.data.split import LeaveOneOut, Splits
from ssrec.metrics.accuracy import MAP, MRR, NDCG, Recall
from ssrec.metrics.coverage import Coverage, Gini
from ssrec.metrics.diversity import AttributeDiversity
from ssrec.metrics.novelty import Novelty
from ssrec.metrics.popularity import AveragePopularity
from ssrec.models.ease import EASE
from ssrec.models.encoder import Encoder
from ssrec.models.item_knn import ItemKNN
from ssrec.models.lightgcn import LightGCN
from ssrec.models.markov import Markov
from ssrec.models.mult_vae import MultVAE
from ssrec.models.popularity import Popularity
from ssrec.models.sasrec import SASRec
from ssrec.models.table import AttributeSource, IdSource, Table
from ssrec.objectives.bpr import BPR
from ssrec.objectives.contrast_sequence import ContrastSequence
from ssrec.objectives.elbo import ELBO
from ssrec.objectives.masked_item import MaskedItem
from ssrec.objectives.next_item import NextItem
from ssrec.objectives.objective import Objective
from ssrec.ranking import ranking
from ssrec.ranking_losses import BCE, GBCE, SampledSoftmax, Softmax
from ssrec.views.sequence import Crop, Mask, Reorder

STORED = Path(__file__).parent / "golden.json"
RELATIVE = 1e-4  # processors round differently; a changed formula moves more
Numbers = dict[str, list[float]]


def world() -> Splits:
    """50 users who walk a ring of 30 items in small steps, from torch's integers: the same on every machine."""
    generator = torch.Generator().manual_seed(25)  # with this one no rank hangs on rounding, see the last test
    draw = partial(torch.randint, generator=generator)
    lengths = draw(5, 13, (50,)).tolist()
    walks = [(draw(0, 30, (1,)) + draw(1, 5, (n,)).pow(2).cumsum(0)) % 30 + 1 for n in lengths]
    user = [u + 1 for u, n in enumerate(lengths) for _ in range(n)]
    ids = range(1, 31)
    attributes = [[f"sixth {i % 6}", f"half {i % 2}"] for i in ids]
    table = pl.DataFrame({"user": user, "item": torch.cat(walks).numpy(), "time": range(len(user))})
    items = pl.DataFrame({"item": ids, "id": [f"item {i}" for i in ids], "attributes": attributes})
    return LeaveOneOut(history="growing", min_length=3)(Canonical("ring", table, items, {"fingerprint": "ring"}))


SASREC = partial(
    SASRec,
    table=partial(Table, sources={"id": IdSource}),
    dim=16,
    layers=2,
    heads=2,
    inner=24,
    max_length=8,
    dropout=0.2,
    activation="relu",
    norm="original",
    positions="end",
    init="xavier",
    attend_padding=False,
    causal=True,
)
OTHER_SASREC = partial(
    SASREC,
    table=partial(Table, sources={"id": IdSource, "attribute": AttributeSource}),
    activation="gelu",
    norm="pre",
    positions="start",
    init="normal",
    attend_padding=True,
)
LIGHTGCN = partial(LightGCN, dim=16, layers=3, init_std=0.5)
MULT_VAE = partial(MultVAE, hidden=24, latent=8, dropout=0.5)
SAMPLED = partial(SampledSoftmax, negatives=8, shared=True, distribution="popularity", logq=True)
CLOZE = partial(MaskedItem, loss=Softmax, probability=0.3, at_least_one=True, always_last=False)
VIEWS = {"crop": partial(Crop, keep=0.6), "mask": partial(Mask, rate=0.3), "reorder": partial(Reorder, rate=0.6)}
COSINE = partial(InfoNCE, similarity="cosine", temperature=0.5)
CONTRAST = partial(ContrastSequence, views=VIEWS, pool="last", projector=0)

LOSSES: dict[str, tuple[Callable[..., Encoder], Callable[..., Objective], Kind]] = {
    "sasrec, next_item, softmax": (SASREC, partial(NextItem, loss=Softmax), "window"),
    "sasrec, next_item, softmax, prefix": (SASREC, partial(NextItem, loss=Softmax), "prefix"),
    "sasrec, next_item, sampled softmax": (SASREC, partial(NextItem, loss=SAMPLED), "window"),
    "sasrec, next_item, own negatives": (SASREC, partial(NextItem, loss=partial(SAMPLED, shared=False)), "window"),
    "sasrec, next_item, bce": (SASREC, partial(NextItem, loss=partial(BCE, negatives=2)), "window"),
    "sasrec, next_item, gbce": (SASREC, partial(NextItem, loss=partial(GBCE, negatives=8, t=0.75)), "window"),
    "sasrec, masked_item": (SASREC, CLOZE, "window"),
    "sasrec, contrast_sequence": (SASREC, partial(CONTRAST, contrast=COSINE(negatives="two_sided")), "window"),
    "sasrec, contrast_sequence, one side": (
        SASREC,
        partial(CONTRAST, contrast=COSINE(negatives="one_sided")),
        "window",
    ),
    "another sasrec, next_item, softmax": (OTHER_SASREC, partial(NextItem, loss=Softmax), "window"),
    "another sasrec, masked_item": (partial(OTHER_SASREC, norm="post", causal=False), CLOZE, "prefix"),
    "lightgcn, bpr": (LIGHTGCN, partial(BPR, l2=0.01), "edge"),
    "mult_vae, elbo": (MULT_VAE, partial(ELBO, beta=0.2, anneal_steps=4), "history"),
}
FLOORS: dict[str, Callable[..., Encoder]] = {
    "popularity": Popularity,
    "markov": partial(Markov, backoff=True),
    "item_knn": partial(ItemKNN, neighbours=10, shrink=1.0),
    "ease": partial(EASE, l2=2.0),
}
METRICS = (Recall, NDCG, MRR, MAP, AveragePopularity, Novelty)
UNTIED = ("item_knn", "ease")  # for the others, which of equal items a list shows is up to torch
OF_LISTS = (Coverage, Gini, AttributeDiversity)


def losses(name: str) -> Numbers:
    """The parts of the loss at the first batch, and after each of three steps at the batches that follow."""
    make_encoder, make_loss, rows = LOSSES[name]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    splits = world()
    encoder = make_encoder(splits.corpus)
    loss = make_loss(encoder, splits.corpus)
    batches = DataModule(splits, rows=rows, max_length=8, batching="length", batch_size=12, seed=0).train_dataloader()
    optimizer = torch.optim.SGD([*encoder.parameters(), *loss.parameters()], lr=0.1)
    found: Numbers = {}
    loss.before_epoch(encoder, splits.corpus)
    for _, batch in zip(range(4), batches, strict=False):
        parts = loss(encoder(batch))
        for part, value in parts.items():
            found.setdefault(part, []).append(value.item())
        optimizer.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        optimizer.step()
        loss.after_step(encoder)
    return found


def metrics(name: str) -> Numbers:
    """Test metrics over the full catalogue, seen items masked."""
    scores, batch, corpus = scored(name)
    found = ranking(scores, batch, 10)
    made = [metric(corpus, ks=(3, 10)) for metric in METRICS + (OF_LISTS if name in UNTIED else ())]
    for metric in made:
        metric.update(found)
    return {key: [value.item()] for metric in made for key, value in metric.compute().items()}


def scored(name: str) -> tuple[Tensor, Batch, Corpus]:
    """What a floor gives all test rows."""
    splits = world()
    batch = held_batch(splits.test, torch.arange(len(splits.test)), 8)
    return FLOORS[name](splits.corpus)(batch).scores(), batch, splits.corpus


def all_numbers() -> dict[str, Numbers]:
    return {name: losses(name) for name in LOSSES} | {name: metrics(name) for name in FLOORS}


@pytest.fixture(scope="module")
def stored() -> dict[str, Numbers]:
    return json.loads(STORED.read_text())


def same(found: Numbers, expected: Numbers) -> None:
    assert found.keys() == expected.keys()
    for key, values in found.items():
        assert values == pytest.approx(expected[key], rel=RELATIVE, abs=1e-7), key


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_where_they_were(stored, name):
    same(losses(name), stored[name])


@pytest.mark.parametrize("name", FLOORS)
def test_metrics_are_where_they_were(stored, name):
    same(metrics(name), stored[name])


def test_nothing_stored_goes_unread(stored):
    assert stored.keys() == LOSSES.keys() | FLOORS.keys()


@pytest.mark.parametrize("name", FLOORS)
def test_no_rank_hangs_on_rounding(name):
    """Scores are far apart or equal by exact arithmetic, or another processor would rank otherwise."""
    scores, batch, _ = scored(name)
    gaps = scores[:, 1:].sort(1).values.diff(dim=1)
    assert ((gaps == 0) | (gaps > 1e-5)).all()
    if name in UNTIED:
        best = scores.gather(1, ranking(scores, batch, 11).top)
        assert (best.diff(dim=1) < 0).all()


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python tests/test_golden.py --write   (pytest compares)")
    STORED.write_text(json.dumps(all_numbers(), indent=1) + "\n")
