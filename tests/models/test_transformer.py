"""Encoders of the transformers library: what their one pass adds to the architecture."""

import pytest
import torch
import torch.nn.functional as F
from sequences import IDS, drawn, past

from ssrec.errors import CompositionError
from ssrec.models.hf_decoder import HFDecoder
from ssrec.models.hf_encoder import HFEncoder

pytest.importorskip("transformers", reason="needs the transformers library: pip install 'ssrec[hf]'")

KINDS = [(HFDecoder, "gpt2"), (HFEncoder, "bert")]
every_kind = pytest.mark.parametrize(("made", "architecture"), KINDS, ids=["decoder", "encoder"])


@pytest.fixture(params=KINDS, ids=["decoder", "encoder"])
def model(corpus, request):
    made, architecture = request.param
    return drawn(made, corpus, architecture=architecture, dropout=0.5)


def causal_of(model) -> bool:
    return model.passes == (True,)


def test_a_row_is_what_the_library_makes_of_its_item_vectors_alone(model):
    hidden, wider = (model.encode(ids, causal_of(model)) for ids in (IDS, F.pad(IDS, (2, 0))))
    for row in (0, 1, 2):
        items = torch.tensor([past(row)])
        n = items.shape[1]
        expected = model.body.body(inputs_embeds=model.table(items), position_ids=torch.arange(n)[None])
        torch.testing.assert_close(hidden[row, -n:], expected.last_hidden_state[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(wider[row, -n:], hidden[row, -n:], rtol=1e-4, atol=1e-5)
    assert not hidden[IDS == 0].any() and hidden.isfinite().all()


def test_the_other_pass_is_refused(model):
    other = not causal_of(model)
    with pytest.raises(CompositionError, match=f"{type(model).__name__} has no pass with causal={str(other).lower()}"):
        model.encode(IDS, other)


def test_no_rows_and_rows_without_columns(model):
    assert model.encode(IDS[:0], causal_of(model)).shape == (0, 5, 8)
    assert model.encode(IDS[:, :0], causal_of(model)).shape == (4, 0, 8)


def test_gradients_reach_all_parameters_and_dropout_follows_the_seed(model):
    model.train()
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(model.encode(IDS, causal_of(model)))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    draws[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@every_kind
def test_the_table_starts_as_the_library_starts_its_own(corpus, made, architecture):
    model = drawn(made, corpus, architecture=architecture, spread=False, dim=64)
    table = model.table.sources["id"].embedding.weight
    assert 0.015 < float(table[1:].detach().std()) < 0.025 and not table[0].any()
