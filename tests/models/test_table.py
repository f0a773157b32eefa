"""The table: rows, sources and their sum."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from ssrec.batch import Attributes, Numbers, Ragged, Vectors
from ssrec.errors import CompositionError
from ssrec.models.table import AttributeSource, IdSource, NumberSource, Table, VectorSource


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


def test_any_feature_of_names_can_be_read(corpus):
    brands = Attributes(Ragged(torch.tensor([1, 0]), torch.tensor([0, 0, 1] + [2] * 8)), ("acme", "umbrella"))
    both = replace(corpus, item_features={**corpus.item_features, "brand": brands})
    table = build(both, brand=partial(AttributeSource, feature="brand"))
    weight = table.sources["brand"].bag.weight
    assert weight.shape == (2, 4) and AttributeSource.needs_named == ("feature",)
    torch.testing.assert_close(
        table(torch.arange(11)), torch.stack([weight[0] * 0, *weight.flip(0), *[weight[0] * 0] * 8])
    )
    with pytest.raises(
        CompositionError, match="needs item attributes called tags; those of the dataset: attributes, brand"
    ):
        build(both, tags=partial(AttributeSource, feature="tags"))
    nothing = replace(
        corpus, item_features={"attributes": Attributes(Ragged(torch.zeros(0).long(), torch.zeros(11).long()), ())}
    )
    with pytest.raises(CompositionError, match=r"attributes has no name left, .* features\.min_count"):
        build(nothing, attribute=AttributeSource)


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


def test_a_draw_drops_the_same_elements_for_all_that_reads_it(corpus):
    torch.manual_seed(0)
    table = Table(corpus, 64, sources={"id": IdSource}, dropout=0.25)
    draw = table.draw()
    every = draw.all()
    ids = torch.tensor([[1, 5], [9, 5]])
    assert torch.equal(draw(ids), every[ids]) and draw(torch.tensor([corpus.mask])).any()
    kept = every[1:] != 0
    assert 0.65 < kept.double().mean() < 0.85
    torch.testing.assert_close(every[1:][kept], table.all()[1:][kept] / 0.75, rtol=1e-4, atol=0)
    assert not torch.equal(table.draw().all(), every), "the next pass draws anew"
    draw(ids).sum().backward()
    gradient = table.sources["id"].embedding.weight.grad[1:10]
    assert ((gradient != 0) <= kept).all() and gradient.any()
    assert torch.equal(table.eval().draw().all(), table.all())


def test_a_table_refuses_a_dropout_that_is_no_probability(corpus):
    with pytest.raises(CompositionError, match=r"table: dropout=1\.0 must be at least 0 and below 1"):
        Table(corpus, 4, sources={"id": IdSource}, dropout=1.0)


@pytest.fixture
def content(corpus):
    """The corpus with two numbers, one of them with a column for what is missing, and two kinds of vectors."""
    draw = torch.randn(10, 9, generator=torch.Generator().manual_seed(3))
    draw[0] = 0.0
    price, year = Numbers(draw[:, :2], ("price", "price missing")), Numbers(draw[:, 2:3], ("year",))
    features = {"price": price, "year": year, "image": Vectors(draw[:, 3:7]), "audio": Vectors(draw[:, 7:])}
    return replace(corpus, item_features={**corpus.item_features, **features})


SOURCES = {
    "number": (NumberSource, ["price", "year"]),
    "year": (partial(NumberSource, features=["year"]), ["year"]),
    "image": (partial(VectorSource, feature="image"), ["image"]),
    "audio": (partial(VectorSource, feature="audio"), ["audio"]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_content_is_mapped_linearly(content, name):
    make, read = SOURCES[name]
    table = build(content, **{name: make})
    (weight,) = table.parameters()
    values = [content.item_features[feature].values for feature in read]
    every = table(torch.arange(11))
    for row in range(10):
        mine = torch.cat([v[row] for v in values])
        assert weight.shape == (4, len(mine))
        torch.testing.assert_close(every[row], sum(weight[:, i] * x for i, x in enumerate(mine)))
    assert not every[0].any() and not every[10].any(), "padding and the mask token have no content"
    assert not table.state_dict().keys() - dict(table.named_parameters()).keys(), "content is not saved"
    every.square().sum().backward()
    assert weight.grad.all()


def test_content_that_is_not_there_is_refused_with_what_is(content, corpus):
    with pytest.raises(CompositionError, match="table source number needs a number; the items' numbers: none"):
        build(corpus, number=NumberSource)
    with pytest.raises(CompositionError, match="needs weight; the items' numbers: price, year"):
        build(content, number=partial(NumberSource, features=["weight"]))
    with pytest.raises(
        CompositionError, match=r"table source price needs vectors .*; the items' vectors: image, audio"
    ):
        build(content, image=partial(VectorSource, feature="price"))
    assert VectorSource.needs_named == ("feature",)
