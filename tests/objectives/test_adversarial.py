"""adversarial against CFGAN's formulas as loops; whom each part reaches; both players learn, in turn and at once."""

import math

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ssrec import runs
from ssrec.batch import Batch
from ssrec.errors import CompositionError
from ssrec.models.bag_mlp import BagMLP
from ssrec.models.mult_vae import MultVAE
from ssrec.objectives.adversarial import Adversarial
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
    nn.init.normal_(encoder.outputs)
    return encoder


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def probability(objective, bag, profile):
    """D(profile | bag), entry by entry."""
    net = objective.discriminator
    judged, given, h = net.judged.tolist(), None if net.given is None else net.given.tolist(), net.bias.tolist()
    for k in range(len(h)):
        h[k] += sum(x * judged[i][k] for i, x in enumerate(profile))
        h[k] += sum(given[i][k] for i in bag) if given else 0.0
    for layer in net.inner:
        entered = [max(x, 0.0) for x in h]
        rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
        h = [sum(w * x for w, x in zip(row, entered, strict=True)) + b for row, b in rows]
    return sigmoid(h[0])


@pytest.mark.parametrize("condition", [True, False])
@pytest.mark.parametrize("game", ["minimax", "non_saturating"])
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_parts_equal_the_loop(corpus, histories, encoder, condition, game, output, share):
    settings = {"condition": condition, "game": game, "output": output, "share": share}
    objective = Adversarial(encoder, corpus, widths=[4, 2], **settings)
    found = objective(encoder(histories))
    discriminator = generator = 0.0
    for scores, bag in zip(encoder(histories).scores().tolist(), BAGS, strict=True):
        mass = sum(math.exp(s) for s in scores[1:])
        made = [sigmoid(s) if output == "sigmoid" else math.exp(s) / mass for s in scores]
        seen = bag if share == 0 else range(1, 8)
        masked = [x if i in seen else 0.0 for i, x in enumerate(made)]
        real = [(1.0 if output == "sigmoid" else 1 / len(bag)) if i in bag else 0.0 for i in range(8)]
        of_real, of_made = probability(objective, bag, real), probability(objective, bag, masked)
        discriminator -= (math.log(of_real) + math.log(1 - of_made)) / 3
        generator += (math.log(1 - of_made) if game == "minimax" else -math.log(of_made)) / 3
    expected = {"discriminator": discriminator, "generator": generator}
    assert {k: v.item() for k, v in found.items()} == pytest.approx(expected, rel=1e-4)


def test_the_mask_lets_a_drawn_share_through(corpus, histories, encoder):
    objective = Adversarial(encoder, corpus, widths=[4], share=0.5)
    seen = []
    objective.discriminator.register_forward_hook(lambda _, given, out: seen.append(given[1]))
    objective(encoder(histories))
    _, made, judged = seen
    assert torch.equal(made, judged), "both players meet the same profiles"
    assert (made > 0).sum(1).tolist() == [4 + round(3 / 2), 3 + 2, 1 + 3]


def reached(part, *players):
    part.backward()
    found = [any(p.grad is not None and p.grad.any() for p in player.parameters()) for player in players]
    for player in players:
        player.zero_grad()
    return found


@pytest.mark.parametrize("make", [BagMLP, MultVAE])
def test_a_part_reaches_its_own_player_and_a_step_both(corpus, histories, make):
    encoder = make(corpus)
    objective = Adversarial(encoder, corpus, widths=[4])
    players = encoder, objective.discriminator
    assert reached(objective(encoder(histories))["discriminator"], *players) == [False, True]
    assert reached(objective(encoder(histories))["generator"], *players) == [True, False]
    # and in one backward each gets the gradient of its own part alone
    torch.manual_seed(1)
    torch.stack(list(objective(encoder(histories)).values())).sum().backward()
    together = [[p.grad.clone() for p in player.parameters()] for player in players]
    for player, part, grads in zip(players, ("generator", "discriminator"), together, strict=True):
        torch.manual_seed(1)
        own = torch.autograd.grad(objective(encoder(histories))[part], list(player.parameters()))
        torch.testing.assert_close(list(own), grads)


def play(objective, encoder, batch, part, moving, steps=40):
    """A part's loss while one player steps by it."""
    optimizer = torch.optim.Adam(moving.parameters(), lr=0.05)
    losses = []
    for _ in range(steps):
        loss = objective(encoder(batch))[part]
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


@pytest.mark.parametrize("game", ["minimax", "non_saturating"])
def test_each_player_learns_while_the_other_stands_still(corpus, histories, encoder, game):
    objective = Adversarial(encoder, corpus, widths=[8], game=game, share=1.0)
    for part, moving, frozen in (("discriminator", objective, encoder), ("generator", encoder, objective)):
        before = [p.clone() for p in frozen.parameters()]
        losses = play(objective, encoder, histories, part, moving)
        assert losses[-1] < losses[0] - 0.5
        assert all(map(torch.equal, frozen.parameters(), before))


def test_no_rows_cost_nothing(corpus, histories, encoder):
    none = histories.select(torch.tensor([], dtype=torch.long))
    total = sum(Adversarial(encoder, corpus)(encoder(none)).values())
    total.backward()
    assert total == 0


def test_what_cannot_be_is_refused(corpus, encoder):
    for wrong in ({"widths": []}, {"widths": [4, 0]}, {"share": -0.1}, {"share": 2.0}):
        with pytest.raises(CompositionError, match="adversarial: "):
            Adversarial(encoder, corpus, **wrong)


SMALL = ("model.widths=[16]", "objective.adversarial.loss.widths=[8]", "trainer.max_epochs=3", "optimizer.lr=0.01")


def test_the_recipe_plays_in_turns(tiny):
    result = runs.read(train(tiny("recipe=cfgan", *SMALL, "data.batch_size=20")))
    assert result["steps"] == 3 * 3, "one player a batch"
    assert result["metrics"]["test/recall@10"] > 0


def test_the_discriminators_k_batches_leave_the_encoder_alone(tiny):
    game = "phases=[{trained:[adversarial.*],terms:[adversarial],batches:2},{trained:[encoder.*],batches:1}]"
    few = ("recipe=cfgan", game, "model.widths=[8]", "data.batch_size=20", "trainer.max_epochs=1")

    def encoder(batches: int, lr: float) -> dict[str, torch.Tensor]:
        folder = train(tiny(*few, f"trainer.limit_train_batches={batches}", f"optimizer.lr={lr}"))
        return load_file(folder / "encoder.safetensors")

    slow, fast, after = encoder(2, 0.01), encoder(2, 0.1), encoder(3, 0.1)
    assert all(torch.equal(fast[name], value) for name, value in slow.items())
    assert not any(torch.equal(after[name], value) for name, value in slow.items())


def test_without_phases_both_play_in_one_step(tiny):
    result = runs.read(train(tiny("recipe=cfgan", "phases=[]", *SMALL, "data.batch_size=20")))
    assert result["steps"] == 3 * 3 and result["metrics"]["test/recall@10"] > 0
