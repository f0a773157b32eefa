"""GPT-style encoders: what the pass adds to the architecture."""

import pytest
import torch
import torch.nn.functional as F
from sequences import IDS, drawn, past

from ssrec.errors import CompositionError
from ssrec.models.hf_decoder import HFDecoder

pytest.importorskip("transformers", reason="needs the transformers library: pip install 'ssrec[hf]'")


@pytest.fixture
def model(corpus):
    return drawn(HFDecoder, corpus, dropout=0.5)


def test_a_row_is_what_the_library_makes_of_its_item_vectors_alone(model):
    hidden, wider = model.encode(IDS, True), model.encode(F.pad(IDS, (2, 0)), True)
    for row in (0, 1, 2):
        items = torch.tensor([past(row)])
        n = items.shape[1]
        expected = model.body.body(inputs_embeds=model.table(items), position_ids=torch.arange(n)[None])
        torch.testing.assert_close(hidden[row, -n:], expected.last_hidden_state[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(wider[row, -n:], hidden[row, -n:], rtol=1e-4, atol=1e-5)
    assert not hidden[IDS == 0].any() and hidden.isfinite().all()


def test_the_other_pass_is_refused(model):
    with pytest.raises(CompositionError, match="HFDecoder has no pass with causal=false"):
        model.encode(IDS, False)


def test_no_rows_and_rows_without_columns(model):
    assert model.encode(IDS[:0], True).shape == (0, 5, 8)
    assert model.encode(IDS[:, :0], True).shape == (4, 0, 8)


def test_gradients_reach_all_parameters_and_dropout_follows_the_seed(model):
    model.train()
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(model.encode(IDS, True))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    draws[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_table_starts_as_the_library_starts_its_own(corpus):
    model = drawn(HFDecoder, corpus, spread=False, dim=64)
    table = model.table.sources["id"].embedding.weight
    assert 0.015 < float(table[1:].detach().std()) < 0.025 and not table[0].any()


def test_the_message_names_the_model(corpus):
    with pytest.raises(CompositionError, match=r"hf_decoder: architecture=bert: .*model=hf_encoder takes it"):
        drawn(HFDecoder, corpus, architecture="bert")


def test_it_ranks_by_the_last_hidden_state(model, make_batch):
    batch = make_batch([[3, 5, 1], [7]])
    expected = model.encode(batch.items, True)[:, -1] @ model.table.all().T
    torch.testing.assert_close(model(batch).scores(), expected)
