"""A pass over a small graph, and its histories, for checks by dense matrices."""

import pytest
import torch

from ssrec.batch import Corpus
from ssrec.models.lightgcn import LightGCN
from ssrec.pretext.quiet_pass import quiet_pass

HISTORIES = [[], [1, 2, 3], [2, 3, 5, 1, 4], [5], [3, 2, 5, 6, 8], [7, 1, 2, 3]]


@pytest.fixture
def histories():
    return HISTORIES


@pytest.fixture
def corpus() -> Corpus:
    lengths = torch.tensor([0] + [len(row) for row in HISTORIES])
    items = torch.tensor([item for row in HISTORIES for item in row])
    return Corpus(items, lengths.cumsum(0), n_users=5, n_items=9)  # item 9 is cold


@pytest.fixture
def encoder(corpus) -> LightGCN:
    torch.manual_seed(0)
    return LightGCN(corpus, dim=4, layers=3, init_std=1.0)


@pytest.fixture
def x(encoder):
    return quiet_pass(encoder)
