"""The truncated decomposition against numpy's of the dense matrix."""

import numpy as np
import pytest
import torch
from dense_graphs import dense
from torch.testing import assert_close

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.graphs import user_item_graph
from ssrec.low_rank import SVD, truncated

USERS, ITEMS = 13, 21  # rows


@pytest.fixture(scope="module")
def graph():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(0, 7, (USERS - 1,), generator=generator)
    offsets = torch.cat([torch.zeros(2), lengths.cumsum(0)]).long()
    items = torch.randint(1, ITEMS - 3, (int(offsets[-1]),), generator=generator)  # the last ones are cold
    return user_item_graph(Corpus(items, offsets, n_users=USERS - 1, n_items=ITEMS - 1))


def block(graph):
    return dense(graph)[:USERS, USERS:].double().numpy()


@pytest.mark.parametrize("rank", [1, 5, 12, 13, 200])  # the last two are all there are
def test_triplets_are_the_largest_of_the_dense_matrix(graph, rank):
    users, values, items = truncated(graph, USERS, rank)
    u, s, vt = np.linalg.svd(block(graph), full_matrices=False)
    n = min(rank, USERS)
    assert users.shape == (USERS, n) and items.shape == (ITEMS, n)
    assert_close(values, torch.from_numpy(s[:n]).float(), rtol=1e-5, atol=1e-6)
    best = u[:, :n] * s[:n] @ vt[:n]
    assert_close((users * values) @ items.T, torch.from_numpy(best).float(), rtol=1e-4, atol=1e-6)
    real = int((values > 0).sum())
    assert_close(items[:, :real].T @ items[:, :real], torch.eye(real), rtol=1e-4, atol=1e-5)
    assert not items[:, real:].any() and not users[:, real:].any()


def test_it_draws_nothing_and_gives_the_same_again(graph):
    state = torch.manual_seed(3).get_state()
    one = truncated(graph, USERS, 4)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one, truncated(graph, USERS, 4), strict=True))


def test_its_product_is_that_of_the_low_rank_matrix_and_its_transpose(graph):
    torch.manual_seed(0)
    svd = SVD(graph, USERS, 3)
    u, s, vt = np.linalg.svd(block(graph), full_matrices=False)
    low = torch.from_numpy(u[:, :3] * s[:3] @ vt[:3]).float()
    x = torch.randn(USERS + ITEMS, 4)
    expected = torch.cat([low @ x[USERS:], low.T @ x[:USERS]])
    assert_close(svd(x), expected, rtol=1e-4, atol=1e-5)
    assert set(svd.state_dict()) == {"users", "values", "items"}


def test_no_rank_is_refused(graph):
    with pytest.raises(CompositionError, match="rank=0"):
        SVD(graph, USERS, 0)
