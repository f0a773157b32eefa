"""reconstruction against a loop over rows and items, and what it leaves of a plain autoencoder."""

import math

import pytest
import torch

from ssrec import runs
from ssrec.batch import Batch
from ssrec.errors import CompositionError
from ssrec.models.bag_mlp import BagMLP
from ssrec.objectives.reconstruction import Reconstruction
from ssrec.train import train

BAGS = [[4, 5, 6, 7], [1, 2, 3], [5]]


@pytest.fixture
def histories(corpus):
    user = torch.tensor([2, 1, 3])
    nothing = user.new_zeros(3, 0)
    return Batch(torch.arange(3), user, nothing, nothing, seen=corpus.history.select(user), kind="history")


@pytest.fixture
def encoder(corpus):
    encoder = BagMLP(corpus, widths=[3], activation="sigmoid")
    torch.nn.init.normal_(encoder.outputs)
    return encoder


def profiles(encoder, batch):
    return [[1 / (1 + math.exp(-s)) for s in row] for row in encoder(batch).scores().tolist()]


def test_parts_equal_the_loop_where_all_others_count(corpus, histories, encoder):
    parts = Reconstruction(encoder, corpus, zeros=0.3, share=1.0)(encoder(histories))
    rows = profiles(encoder, histories)
    held = sum((1 - row[i]) ** 2 for row, bag in zip(rows, BAGS, strict=True) for i in bag)
    others = sum(row[j] ** 2 for row, bag in zip(rows, BAGS, strict=True) for j in range(1, 8) if j not in bag)
    assert {k: v.item() for k, v in parts.items()} == pytest.approx({"held": held / 3, "others": 0.3 * others / 3})


def test_a_share_of_the_others_counts_in_proportion(corpus, histories, encoder):
    """Its mean: each row rounds its own share to whole items."""
    objective = Reconstruction(encoder, corpus, held=False, zeros=2.0, share=0.5)
    with torch.no_grad():
        x = encoder(histories)
        mean = torch.stack([objective(x)["others"] for _ in range(4000)]).mean()
    expected = 0.0
    for row, bag in zip(profiles(encoder, histories), BAGS, strict=True):
        others = [j for j in range(1, 8) if j not in bag]
        expected += 2 * round(len(others) / 2) / len(others) * sum(row[j] ** 2 for j in others) / 3
    assert mean.item() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("settings", "parts"),
    [({}, ["held", "others"]), ({"held": False}, ["others"]), ({"zeros": 0.0}, ["held"]), ({"share": 0.0}, ["held"])],
)
def test_what_does_not_count_is_not_made(corpus, histories, encoder, settings, parts):
    assert list(Reconstruction(encoder, corpus, **settings)(encoder(histories))) == parts


def test_what_cannot_be_is_refused(corpus, encoder):
    for wrong in ({"zeros": -1.0}, {"share": 1.5}, {"held": False, "share": 0.0}, {"held": False, "zeros": 0.0}):
        with pytest.raises(CompositionError, match="reconstruction: "):
            Reconstruction(encoder, corpus, **wrong)


@pytest.mark.parametrize("noise", [0, 4])
def test_it_alone_trains_a_plain_autoencoder(tiny, noise):
    chosen = ("model=bag_mlp", "objective=[reconstruction]", "model.widths=[16]", f"model.noise={noise}")
    result = runs.read(train(tiny(*chosen, "trainer.max_epochs=3", "optimizer.lr=0.01")))
    assert result["metrics"]["test/recall@10"] > 0
