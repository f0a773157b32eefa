"""A quiet pass is what evaluation sees, and leaves the encoder as it was."""

import torch

from ssrec.batch import Corpus
from ssrec.models.hccf import HCCF
from ssrec.models.lightgcn import LightGCN
from ssrec.pretext.quiet_pass import quiet_pass

CORPUS = Corpus(torch.tensor([1, 2, 3, 3, 5]), torch.tensor([0, 0, 3, 4, 5]), n_users=3, n_items=6)


def test_it_has_neither_noise_nor_dropout_nor_draws():
    for encoder in (LightGCN(CORPUS, dim=4, noise=0.5), HCCF(CORPUS, dim=4, hyperedges=3, dropout=0.5)):
        state = torch.get_rng_state()
        x = quiet_pass(encoder.train())
        assert torch.equal(torch.get_rng_state(), state) and encoder.training
        assert torch.equal(x.nodes, encoder.eval()(x.batch).nodes) and not x.nodes.requires_grad
        assert len(x.batch) == 0
        assert not quiet_pass(encoder).nodes.requires_grad and not encoder.training
