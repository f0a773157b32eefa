"""Products of Amazon as item content, from the metadata of each of McAuley's collections.

What is drawn from all reviews or purchases (average ratings, sales ranks, products also bought or viewed) is left out:
it tells of the future that a split holds out. So does the text of reviews, which therefore never describes a product.
"""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import polars as pl

from ssrec.data.files.blocks import blocks
from ssrec.data.files.json_lines import read_json_lines
from ssrec.data.files.layout import BadRows, Kind
from ssrec.data.sources.content import covering, names, one

CONTENT = frozenset({"title", "attributes", "brand", "price", "image_url", "text"})
# 12.99, $1,012.99, from $12.99, and of $5.99 - $12.99 the lower. In 2018 some prices are scraps of a page's source.
_PRICE = r"^\s*(?:from\s+)?\$?\s*([0-9][0-9,]*(?:\.[0-9]+)?)(?:\s*-\s*\$?\s*[0-9][0-9,.]*)?\s*$"


def products_2014(path: Path, bad: BadRows) -> pl.DataFrame:
    """asin, title, price, brand, categories (a list of paths), imUrl, description, as JSON or Python's literals."""
    texts = {"asin": str, "title": str, "brand": str, "imUrl": str, "description": str}
    table = _read(path, texts | {"price": float, "categories": list[str]}, bad, literal=is_literal(path))
    return table.select(
        pl.col("asin").alias("item"),
        "title",
        names("categories").list.unique(maintain_order=True).alias("attributes"),
        one("brand"),
        "price",
        pl.col("imUrl").alias("image_url"),
        pl.col("description").alias("text"),
    )


def products_2018(path: Path, bad: BadRows) -> pl.DataFrame:
    """asin, title, price as "$12.99", brand, category, description, urls of images (lists).

    Some titles and categories are scraps of a page's source; they count as missing.
    """
    texts = {"asin": str, "title": str, "brand": str, "imageURLHighRes.0": str, "imageURL.0": str}
    lists = {"category": list[str], "description": list[str]}
    table = _read(path, texts | lists | {"price": float | str}, bad)
    script = pl.col("title").str.contains("getTime", literal=True)
    tags = pl.element().str.contains("</", literal=True)
    table = table.with_columns(pl.col("category").list.eval(pl.element().filter(~tags)))
    return table.select(
        pl.col("asin").alias("item"),
        pl.when(~script).then("title").alias("title"),
        names("category").list.unique(maintain_order=True).alias("attributes"),
        one("brand"),
        _price(),
        pl.coalesce("imageURLHighRes.0", "imageURL.0").alias("image_url"),
        _text("description"),
    )


def products_2023(path: Path, bad: BadRows) -> pl.DataFrame:
    """parent_asin, title, main_category, categories, price, store (the brand), images, features, description."""
    texts = {"parent_asin": str, "title": str, "main_category": str, "store": str}
    images = {"images.0.hi_res": str, "images.0.large": str}
    lists = {"categories": list[str], "features": list[str], "description": list[str]}
    table = _read(path, texts | images | lists | {"price": float | str}, bad)
    return table.select(
        pl.col("parent_asin").alias("item"),
        "title",
        pl.concat_list(one("main_category"), names("categories")).list.unique(maintain_order=True).alias("attributes"),
        one("store").alias("brand"),
        _price(),
        pl.coalesce("images.0.hi_res", "images.0.large").alias("image_url"),
        _text("features", "description"),
    )


def catalogue(products: pl.DataFrame, events: pl.DataFrame) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """The products of the events, with what is known of them, in order of first appearance; and what was left out.

    The metadata tell of many more products, which had no chance to be reviewed in a 5-core; some are told of twice.
    """
    distinct = products.unique("item", keep="first", maintain_order=True)
    reviewed = events.select(pl.col("item").unique(maintain_order=True))
    known = reviewed.join(distinct, on="item", maintain_order="left")
    removed = {
        "repeated metadata": len(products) - len(distinct),
        "metadata of products without reviews": len(distinct) - len(known),
    }
    return reviewed.join(covering(known, events), on="item", maintain_order="left"), removed


def is_literal(path: Path) -> bool:
    """Whether the lines of a file are Python's literals, which begin as `{'asin'`, and no JSON.

    Raises:
        DataError: the file cannot be read, or is empty.
    """
    return any(block.content.startswith(b"{'") for block in islice(blocks(path, ends=False, bad=BadRows("skip")), 1))


def _read(path: Path, columns: Mapping[str, Kind], bad: BadRows, *, literal: bool = False) -> pl.DataFrame:
    """All but the first may be missing: a product without any metadata is a product."""
    return read_json_lines(path, columns, optional=list(columns)[1:], literal=literal, bad=bad)


def _price() -> pl.Expr:
    number = pl.col("price").str.extract(_PRICE).str.replace_all(",", "")
    return number.cast(pl.Float64, strict=False).alias("price")


def _text(*columns: str) -> pl.Expr:
    """Lists of sentences as one text; null where there are none."""
    text = pl.concat_list(names(column) for column in columns).list.join(" ").str.strip_chars()
    return pl.when(text != "").then(text).alias("text")
