"""BERT-style encoders: where they rank, and what they refuse."""

import pytest
import torch
from sequences import drawn

from ssrec.errors import CompositionError
from ssrec.models.hf_encoder import HFEncoder

pytest.importorskip("transformers", reason="needs the transformers library: pip install 'ssrec[hf]'")


def test_the_message_names_the_model(corpus):
    with pytest.raises(CompositionError, match=r"hf_encoder: architecture=gpt2: .*model=hf_decoder takes it"):
        drawn(HFEncoder, corpus, architecture="gpt2")


def test_it_ranks_at_a_mask_token_even_in_a_full_row(corpus, make_batch):
    model = drawn(HFEncoder, corpus, architecture="bert")
    full = [3, 5, 1, 2, 4, 6, 8]
    query = torch.tensor([[*full[1:], corpus.mask], [0] * 5 + [7, corpus.mask]])
    torch.testing.assert_close(model(make_batch([full, [7]])).users, model.encode(query, False)[:, -1])
