"""Columns of the canonical item table -> what a corpus knows of its items."""

import polars as pl
import torch

from ssrec.batch import Attributes, Feature, Ragged, Text


def item_features(items: pl.DataFrame) -> dict[str, Feature]:
    """Attributes and titles, where the table has them, a row per item row: row 0, padding, has none."""
    features: dict[str, Feature] = {}
    if "attributes" in items.columns:
        features["attributes"] = _attributes(items["attributes"].fill_null([]))
    if "title" in items.columns:
        features["title"] = Text(("", *items["title"].fill_null("")))
    return features


def _attributes(lists: pl.Series) -> Attributes:
    """Names in the order in which the catalogue first uses them; an item counts each of its own once."""
    distinct = lists.list.unique(maintain_order=True)
    flat = distinct.filter(distinct.list.len() > 0).explode()
    names = flat.unique(maintain_order=True).to_list()
    index = {name: i for i, name in enumerate(names)}
    values = torch.tensor([index[name] for name in flat], dtype=torch.long)
    lengths = torch.tensor([0, 0, *distinct.list.len()])  # the first offset, and the empty row 0
    return Attributes(Ragged(values, lengths.cumsum(0)), tuple(names))
