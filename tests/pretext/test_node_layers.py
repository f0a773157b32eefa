"""Layers by number, from both ends, and the readout."""

import pytest
import torch
from edges import Nodes

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.pretext.node_layers import layer_vectors, require_layer
from ssrec.pretext.quiet_pass import quiet_pass

X = quiet_pass(Nodes(Corpus(torch.tensor([1, 2]), torch.tensor([0, 0, 2]), n_users=1, n_items=2)))


def test_layers_are_counted_from_both_ends():
    for layer, expected in {0: X.layers[0], 1: X.layers[1], -1: X.layers[1], "readout": X.nodes}.items():
        require_layer("it", X, layer)
        assert torch.equal(layer_vectors(X, layer), expected)


@pytest.mark.parametrize("layer", [2, -3])
def test_a_layer_that_is_not_there_is_refused(layer):
    with pytest.raises(CompositionError, match=f"it: there is no layer {layer}; the encoder has 0 to 1, or -1 to -2"):
        require_layer("it", X, layer)
