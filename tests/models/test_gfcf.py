"""GF-CF against the dense filters, in numpy."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from ssrec.errors import CompositionError
from ssrec.models.gfcf import GFCF


def expected(histories, pasts, rank, low_pass):
    """r R'R + low_pass r D^-1/2 V V' D^1/2, with every matrix written out."""
    x = np.zeros((len(histories), 10))
    for user, row in enumerate(histories):
        x[user, row] = 1
    users, items = x.sum(1), x.sum(0)
    r = x / np.sqrt(np.maximum(users, 1))[:, None] / np.sqrt(np.maximum(items, 1))
    _, values, vt = np.linalg.svd(r)
    v = vt[: min(rank, np.count_nonzero(values > 1e-9))].T
    root = np.sqrt(items)
    ideal = (v / np.maximum(root, 1)[:, None]) @ (v * root[:, None]).T
    rows = np.zeros((len(pasts), 10))
    for row, past in enumerate(pasts):
        rows[row, past] = 1
    return torch.from_numpy(rows @ (r.T @ r + low_pass * ideal)).float()


@pytest.mark.parametrize(("rank", "low_pass"), [(2, 0.3), (4, 1.5), (256, 0.3), (2, 0.0)])
def test_scores_are_those_of_the_dense_filters(corpus, histories, make_batch, rank, low_pass):
    pasts = [[1, 2, 2], [5], [], [4, 9]]  # a past of a user or of a stranger, none, and a cold item
    scores = GFCF(corpus, rank=rank, low_pass=low_pass)(make_batch(pasts)).scores()
    assert_close(scores, expected(histories, pasts, rank, low_pass), rtol=1e-4, atol=1e-5)


def test_what_it_fitted_is_saved_and_the_graph_rebuilt(corpus):
    assert set(GFCF(corpus).state_dict()) == {"enter", "leave"}


def test_nothing_is_decomposed_for_a_linear_filter(corpus):
    assert GFCF(corpus, low_pass=0.0).enter.shape == (10, 0)


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="gfcf: rank=0"):
        GFCF(corpus, rank=0)
    with pytest.raises(CompositionError, match="gfcf: low_pass=-1"):
        GFCF(corpus, low_pass=-1.0)
