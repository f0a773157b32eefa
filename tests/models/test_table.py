"""The table: rows, sources and their sum."""

from dataclasses import replace

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.models.table import AttributeSource, IdSource, Table


def build(corpus, **sources):
    torch.manual_seed(0)
    return Table(corpus, 4, sources=sources)


def test_rows_are_padding_the_items_and_the_mask_token(corpus):
    table = build(corpus, id=IdSource)
    assert table(torch.arange(11)).shape == (11, 4)
    assert not table(torch.tensor([0])).any()
    assert table(torch.tensor([[corpus.mask]])).any()
    assert torch.equal(table.all(), table(torch.arange(10)))


def test_attributes_are_averaged(corpus):
    table = build(corpus, attribute=AttributeSource)
    bag = table.sources["attribute"].bag.weight
    every = table(torch.arange(11))
    feature = corpus.item_features["attributes"]
    for row in range(10):
        mine = feature.values.values[feature.values.offsets[row] : feature.values.offsets[row + 1]]
        torch.testing.assert_close(every[row], bag[mine].mean(0) if len(mine) else torch.zeros(4))
    assert not every[10].any()


def test_sources_are_summed_and_all_get_gradients(corpus):
    both = build(corpus, id=IdSource, attribute=AttributeSource)
    ids = torch.tensor([[0, 3, 10], [1, 1, 5]])
    parts = [source(ids) for source in both.sources.values()]
    torch.testing.assert_close(both(ids), parts[0] + parts[1])
    both(ids).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in both.parameters())
    assert not both.sources["id"].embedding.weight.grad[0].any()


def test_no_source_and_missing_attributes_are_refused(corpus):
    with pytest.raises(CompositionError, match="at least one source"):
        build(corpus)
    with pytest.raises(CompositionError, match="needs item attributes"):
        build(replace(corpus, item_features={}), attribute=AttributeSource)
