from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from representations import DATA, corpus, ragged, seen

from ssrec import confs, runs
from ssrec.batch import PAD, Batch, Corpus
from ssrec.compose import locate, views_of
from ssrec.data.rows import make_rows
from ssrec.diagnostics.views import Views, drawn_by, unchanged_and_empty
from ssrec.errors import CompositionError
from ssrec.train import train
from ssrec.views.sequence import Crop, Mask, Reorder
from ssrec.views.view import View


class Nothing(View):
    """Empties rows, and takes a column away."""

    def forward(self, batch):
        return replace(batch, items=torch.full_like(batch.items, PAD)[:, 1:])


class Wider(View):
    def forward(self, batch):
        return replace(batch, items=F.pad(batch.items, (2, 0)))


def test_rows_without_items_do_not_count():
    items = torch.tensor([[0, 0, 0], [0, 1, 2], [3, 4, 5]])
    row = torch.arange(3)
    batch = Batch(row, row, items, row[:, None])
    assert unchanged_and_empty(Crop(corpus(), keep=1.0), batch).tolist() == [2, 0]
    assert unchanged_and_empty(Nothing(), batch).tolist() == [0, 2]
    assert unchanged_and_empty(Wider(), batch).tolist() == [2, 0]
    assert unchanged_and_empty(Mask(corpus(), rate=0.4), batch).tolist() == [1, 0], "floor(.4 * 2) items are none"


def test_shares_over_training_rows_by_term_and_view():
    """Histories of 2 to 9 events are 1 to 8 inputs; a mask of .3 leaves those below 4 as they are: 3 of 8."""
    events = ragged([[], *([1 + i % 6 for i in range(n)] for n in range(2, 10))])
    many = Corpus(events.values, events.offsets, n_users=8, n_items=6)
    views = {"mask": Mask(many, rate=0.3), "keep": Reorder(many, rate=0.0), "empty": Nothing()}
    shown = replace(seen(torch.randn(5, 2)), rows=make_rows(many, "window", 50), views={"contrast": views})
    state = torch.get_rng_state()
    found = {k: float(v) for k, v in Views(many, DATA)(shown).numbers.items()}
    assert torch.equal(state, torch.get_rng_state()), "it draws from the run's generator"
    assert found == {
        "identity/contrast/mask": 3 / 8,
        "empty/contrast/mask": 0,
        "identity/contrast/keep": 1,
        "empty/contrast/keep": 0,
        "identity/contrast/empty": 0,
        "empty/contrast/empty": 1,
    }
    sampled = Views(many, DATA, sample=4)(shown).numbers["identity/contrast/mask"]
    assert float(sampled) in (0, 0.25, 0.5, 0.75)


def test_the_recipe_of_a_contrast_logs_them(tiny):
    found = runs.read(train(tiny("recipe=cl4srec", "debug=fast")))["metrics"]
    assert 0 <= found["test/identity/contrast_sequence/crop"] < 1


def test_every_recipe_that_draws_views_asks_for_them(tiny):
    """And draws its batches from all rows, since other rows are its negatives."""
    drawing = set()
    for file in sorted((confs.folder() / "recipe").glob("*.yaml")):
        config = tiny(f"recipe={file.stem}")
        for stage in (config, config.pretrain):
            terms = [term.loss for term in stage.get("objective", {}).values()]
            if any("views" in loss and views_of(locate(loss._target_, "")) is View for loss in terms):
                drawing.add(file.stem)
                assert "views" in stage.diagnostic, file.stem
                assert config.data.batching == "mixed", file.stem
    assert {"cl4srec", "coserec", "duorec", "iclrec", "mclrec"} <= drawing


def test_without_views_there_is_nothing():
    assert Views(corpus(), DATA)(seen(torch.randn(5, 2))).numbers == {}
    assert drawn_by({"next_item": object()}) == {}
    with pytest.raises(CompositionError):
        Views(corpus(), DATA, sample=0)
