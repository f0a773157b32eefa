"""contrast_layers against its contrast of two layers of the pass, and XSimGCL's noisy pass."""

from functools import partial

import pytest
import torch
from edges import Nodes, edges

from ssrec.contrasts.nodes import NodeContrast
from ssrec.errors import CompositionError
from ssrec.models.lightgcn import LightGCN
from ssrec.objectives.contrast_layers import ContrastLayers

BATCH = edges([1, 1, 2, 3], [1, 3, 3, 5])
SETTINGS = {"negatives": "all", "anchors": "edges", "reduction": "sum", "item_weight": 0.5, "temperature": 0.3}


def told(first, second):
    return NodeContrast(**SETTINGS)(first, second, BATCH.user, BATCH.target[:, 0], 4)


@pytest.mark.parametrize(
    ("layers", "pick"),
    [
        ([2, 0], lambda x: (x.layers[2], x.layers[0])),
        ([-1, 1], lambda x: (x.layers[3], x.layers[1])),
        (["readout", 1], lambda x: (sum(x.layers) / 4, x.layers[1])),
        ([0, "readout"], lambda x: (x.layers[0], sum(x.layers) / 4)),
    ],
)
def test_the_first_layer_is_told_by_the_second(corpus, layers, pick):
    encoder = LightGCN(corpus, dim=4, layers=3, init_std=1.0)
    x = encoder(BATCH)
    parts = ContrastLayers(encoder, corpus, layers=layers, contrast=NodeContrast(**SETTINGS))(x)
    torch.testing.assert_close(parts, told(*pick(x)))
    first, second = pick(x)
    assert parts["users"] != told(second, first)["users"], "the order of the two says nothing"
    torch.stack(list(parts.values())).sum().backward()
    assert encoder.embedding.weight.grad.any()


def test_it_reads_the_noisy_pass_that_the_ranking_loss_reads(corpus):
    """XSimGCL: one propagation for both, with noise while training and none in the pass that ranks."""
    encoder = LightGCN(corpus, dim=4, layers=2, init_std=1.0, layer0=False, noise=0.3)
    objective = ContrastLayers(encoder, corpus, layers=["readout", 1], contrast=NodeContrast(**SETTINGS))
    passes, propagate = [], encoder.propagate
    encoder.propagate = lambda *args: passes.append(args) or propagate(*args)
    x = encoder(BATCH)
    ranked = x.nodes
    torch.testing.assert_close(objective(x), told(ranked, x.layers[1]))
    assert len(passes) == 1
    assert not torch.equal(ranked, encoder.eval()(BATCH).nodes)


def test_layers_that_cannot_be_contrasted_are_refused(corpus):
    encoder = LightGCN(corpus, dim=4, layers=2)
    make = partial(ContrastLayers, encoder, corpus, contrast=NodeContrast())
    with pytest.raises(CompositionError, match=r"no layer 3; the encoder has 0 to 2, or -1 to -3, and readout"):
        make(layers=[3, 0])
    with pytest.raises(CompositionError, match="no layer -4"):
        make(layers=[0, -4])
    with pytest.raises(CompositionError, match="the same"):
        make(layers=[2, -1])
    last = LightGCN(corpus, dim=4, layers=2, readout="last")
    with pytest.raises(CompositionError, match="the same vectors"):
        ContrastLayers(last, corpus, layers=["readout", 2], contrast=NodeContrast())
    with pytest.raises(CompositionError, match="it takes two"):
        make(layers=[0])
    with pytest.raises(CompositionError, match="6 and 3 numbers wide"):
        ContrastLayers(Nodes(corpus, concat=True), corpus, layers=["readout", 0], contrast=NodeContrast())
