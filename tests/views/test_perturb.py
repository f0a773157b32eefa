"""Model augmentation: what leaves a block, which passes it touches, and who has no blocks."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from options import MODELS, composed

from ssrec.batch import Batch, Corpus
from ssrec.compose import instantiate
from ssrec.data.rows import make_rows
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.errors import CompositionError
from ssrec.models.gru4rec import GRU4Rec
from ssrec.models.sasrec import SASRec
from ssrec.models.table import IdSource, Table
from ssrec.train import checked, stages
from ssrec.views.perturb import Chain, LayerDrop, NeuronMask, Perturbation

HISTORIES = torch.tensor([3, 1, 4, 1, 5, 2, 6, 5, 3])
CORPUS = Corpus(HISTORIES, torch.tensor([0, 0, 5, 9]), n_users=2, n_items=6)
MADE = {"corpus": CORPUS, "table": partial(Table, sources={"id": IdSource}), "dim": 8, "layers": 3, "dropout": 0.0}


class Marked(Perturbation):
    """Adds up to nothing but a record of what it was shown."""

    def __init__(self, change: Callable | None = None):
        self.shown: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.change = change or (lambda before, after: after)

    def __call__(self, before, after):
        self.shown.append((before, after))
        return self.change(before, after)


def batch() -> Batch:
    rows = make_rows(CORPUS, "window", 5)
    return rows.batch(torch.arange(len(rows)))


def view(x: SequenceEncoding, perturb: Perturbation | None) -> SequenceEncoding:
    return x.view(x.ids, causal=x.causal, perturb=perturb)


def test_masked_numbers_are_zero_and_the_mean_stays():
    after = torch.ones(40, 25, 30)
    masked = NeuronMask(rate=0.25)(torch.zeros_like(after), after)
    assert masked.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float((masked == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert torch.equal(NeuronMask(rate=0.0)(after, after), after)


def test_each_row_skips_a_block_as_a_whole():
    before, after = torch.randn(4000, 3, 2), torch.randn(4000, 3, 2)
    left = LayerDrop(rate=0.25)(before, after)
    skipped = (left == before).flatten(1).all(1)
    assert torch.equal(left, torch.where(skipped[:, None, None], before, after))
    assert float(skipped.float().mean()) == pytest.approx(0.25, abs=0.03)


def test_parts_of_a_chain_follow_their_names():
    double, add = Marked(lambda before, after: 2 * after), Marked(lambda before, after: after + 1)
    before, after = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    assert Chain({"b": double, "a": add})(before, after) == 4 and Chain({"a": double, "b": add})(before, after) == 3
    assert double.shown[0][0] is before


def test_a_perturbation_has_the_last_word_on_every_block():
    """What is put in the place of a block's output is what the next block reads, and in the end the encoder."""
    encoder, marked = SASRec(**MADE).train(), Marked(lambda before, after: before - 2 * after)
    hidden = view(encoder(batch()), marked).hidden
    assert len(marked.shown) == 3
    outputs = [before - 2 * after for before, after in marked.shown]
    for previous, (before, _) in zip(outputs, marked.shown[1:], strict=False):
        assert torch.equal(previous, before)
    real = (batch().items != 0)[..., None]
    torch.testing.assert_close(hidden, encoder.leave(outputs[-1]) * real)


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.has_blocks])
def test_every_model_that_says_so_has_blocks_of_hidden_states(name):
    """As many as it has layers, each with the hidden states first and hidden states out."""
    config = composed(f"model={name}", "objective=[]", "model.layers=3", "model.dim=8", "data.max_length=4")
    encoder, marked = instantiate(config.model, CORPUS).train(), Marked(lambda before, after: torch.ones_like(after))
    x = encoder(replace(batch(), times=batch().items * 100))
    hidden = x.view(x.ids, causal=x.causal, times=x.times, perturb=marked).hidden
    assert [(a.shape, b.shape) for a, b in marked.shown] == [((2, 4, 8), (2, 4, 8))] * 3
    real = hidden[x.ids != 0]
    assert torch.equal(real, real[:1].expand_as(real)), "something goes past the blocks"


def test_other_passes_stay_and_views_of_a_view_are_perturbed_alike():
    encoder = SASRec(**MADE, causal=False).train()
    x, marked = encoder(batch()), Marked(lambda before, after: after + torch.randn_like(after))
    perturbed = view(x, marked)
    other = perturbed.hidden
    assert len(marked.shown) == 3 and not torch.allclose(x.hidden, other)
    assert torch.equal(view(x, None).hidden, x.hidden) and len(marked.shown) == 3
    assert perturbed.users.shape == (2, 8)  # read at a mask token, in another pass
    assert len(marked.shown) == 6


def test_nothing_is_perturbed_in_evaluation():
    encoder, marked = SASRec(**MADE).eval(), Marked()
    x = encoder(batch())
    assert torch.equal(view(x, marked).hidden, x.hidden) and not marked.shown


def test_what_a_perturbation_raises_leaves_no_trace():
    def fail(before, after):
        raise ZeroDivisionError

    encoder = SASRec(**MADE).train()
    x = encoder(batch())
    with pytest.raises(ZeroDivisionError):
        view(x, Marked(fail)).hidden.sum()
    assert x.hidden.isfinite().all(), "its hooks are gone"


def test_an_encoder_without_blocks_is_refused_before_data_and_at_the_pass(tiny):
    encoder = GRU4Rec(**MADE)
    with pytest.raises(CompositionError, match="has no blocks between which it could be perturbed"):
        view(encoder(batch()), Marked())
    chosen = ["objective=[next_item,contrast_sequence]", "model=gru4rec"]
    (stage,) = stages(tiny(*chosen, "perturb@objective.contrast_sequence.loss.perturb=[layer_drop]"))
    with pytest.raises(CompositionError, match=r"GRU4Rec has no blocks between which to draw; models: .*sasrec"):
        checked(stage, starts=False)


def test_contrast_sequence_perturbs_both_views(tiny):
    key = "perturb@objective.contrast_sequence.loss.perturb"
    chosen = ["objective=[next_item,contrast_sequence]", "model.dropout=0"]
    chosen += ["view@objective.contrast_sequence.loss.views=[dropout]"]
    losses = []
    for extra in ([], [f"{key}=[neuron_mask,layer_drop]"]):
        config = tiny(*chosen, *extra)
        encoder = SASRec(**MADE).train()
        torch.manual_seed(1)
        objective = instantiate(config.objective.contrast_sequence.loss, encoder, CORPUS)
        x = encoder(batch())
        parts = objective.pair(x.batch, 5)
        one, two = (x.view(p.items, causal=True, perturb=objective.perturb).pool("last") for p in parts)
        losses.append(torch.equal(one, two))
        assert all(part.isfinite() for part in objective(x).values())
    assert losses == [True, False], "without dropout only the perturbations tell the views apart"


@pytest.mark.parametrize(("made", "name"), [(NeuronMask, "neuron_mask"), (LayerDrop, "layer_drop")])
@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_outside_its_range_is_refused(made, name, rate):
    with pytest.raises(CompositionError, match=f"{name}: rate={rate} must be at least 0 and below 1"):
        made(rate=rate)
