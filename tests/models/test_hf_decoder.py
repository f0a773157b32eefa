"""GPT-style encoders: where they rank, and what they refuse."""

import pytest
import torch
from sequences import drawn

from ssrec.errors import CompositionError
from ssrec.models.hf_decoder import HFDecoder

pytest.importorskip("transformers", reason="needs the transformers library: pip install 'ssrec[hf]'")


def test_the_message_names_the_model(corpus):
    with pytest.raises(CompositionError, match=r"hf_decoder: architecture=bert: .*model=hf_encoder takes it"):
        drawn(HFDecoder, corpus, architecture="bert")


def test_it_ranks_by_the_last_hidden_state(corpus, make_batch):
    model = drawn(HFDecoder, corpus, architecture="gpt2")
    batch = make_batch([[3, 5, 1], [7]])
    expected = model.encode(batch.items, True)[:, -1] @ model.table.all().T
    torch.testing.assert_close(model(batch).scores(), expected)
