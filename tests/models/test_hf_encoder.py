"""BERT-style encoders: what the pass adds to the architecture."""

import pytest
import torch
import torch.nn.functional as F
from sequences import IDS, drawn, past

from ssrec.errors import CompositionError
from ssrec.models.hf_encoder import HFEncoder

pytest.importorskip("transformers", reason="needs the transformers library: pip install 'ssrec[hf]'")


@pytest.fixture
def model(corpus):
    return drawn(HFEncoder, corpus, dropout=0.5)


def test_a_row_is_what_the_library_makes_of_its_item_vectors_alone(model):
    hidden, wider = model.encode(IDS, False), model.encode(F.pad(IDS, (2, 0)), False)
    for row in (0, 1, 2):
        items = torch.tensor([past(row)])
        n = items.shape[1]
        expected = model.body.body(inputs_embeds=model.table(items), position_ids=torch.arange(n)[None])
        torch.testing.assert_close(hidden[row, -n:], expected.last_hidden_state[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(wider[row, -n:], hidden[row, -n:], rtol=1e-4, atol=1e-5)
    assert not hidden[IDS == 0].any() and hidden.isfinite().all()


def test_the_other_pass_is_refused(model):
    with pytest.raises(CompositionError, match="HFEncoder has no pass with causal=true"):
        model.encode(IDS, True)


def test_no_rows_and_rows_without_columns(model):
    assert model.encode(IDS[:0], False).shape == (0, 5, 8)
    assert model.encode(IDS[:, :0], False).shape == (4, 0, 8)


def test_gradients_reach_all_parameters_and_dropout_follows_the_seed(model):
    model.train()
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(model.encode(IDS, False))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    draws[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_table_starts_as_the_library_starts_its_own(corpus):
    model = drawn(HFEncoder, corpus, spread=False, dim=64)
    table = model.table.sources["id"].embedding.weight
    assert 0.015 < float(table[1:].detach().std()) < 0.025 and not table[0].any()


def test_the_message_names_the_model(corpus):
    with pytest.raises(CompositionError, match=r"hf_encoder: architecture=gpt2: .*model=hf_decoder takes it"):
        drawn(HFEncoder, corpus, architecture="gpt2")


def test_it_ranks_at_a_mask_token_even_in_a_full_row(model, corpus, make_batch):
    full = [3, 5, 1, 2, 4, 6, 8]
    query = torch.tensor([[*full[1:], corpus.mask], [0] * 5 + [7, corpus.mask]])
    torch.testing.assert_close(model(make_batch([full, [7]])).users, model.encode(query, False)[:, -1])
