"""noise against a pass with the same random numbers."""

import pytest
import torch
import torch.nn.functional as F
from dense_graphs import dense

from ssrec.errors import CompositionError
from ssrec.views.graph.noise import Noise


def test_every_step_is_followed_by_a_vector_of_that_length(corpus, x):
    torch.manual_seed(3)
    nodes = Noise(corpus, length=0.2)(x)
    torch.manual_seed(3)
    matrix, layers = dense(x.graph), [x.layers[0]]
    for _ in range(3):
        after = matrix @ layers[-1]
        layers.append(after + 0.2 * after.sign() * F.normalize(torch.rand_like(after), dim=1))
    torch.testing.assert_close(nodes, torch.stack(layers).mean(0))


def test_a_length_that_is_not_positive_is_refused(corpus):
    with pytest.raises(CompositionError, match="length=0"):
        Noise(corpus, length=0.0)
