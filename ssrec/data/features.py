"""Content columns -> features, by their type; whatever is fitted is fitted on the rows that the training split has."""

import hashlib
from typing import Any

import polars as pl
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ssrec.batch import Attributes, Feature, Numbers, Ragged, Text, Vectors
from ssrec.data.feature_settings import USERS, Features, Reading
from ssrec.data.files.layout import called, worded
from ssrec.errors import DataError

__all__ = ["Features", "bucket", "encode", "fit", "left_out", "offered", "published"]

Fitted = dict[str, dict[str, Any]]  # what `fit` found, by column, as JSON
IDS = ("item", "user", "id")
ROUNDING = 1e-12  # of the largest number: what is less far apart is not apart


def fit(table: pl.DataFrame | None, trained: Bool[Tensor, "N"], features: Features, file: str = "content") -> Fitted:
    """What the rows that `trained` marks say of each column; row i of the table is row i + 1 of a feature.

    Args:
        table: items or users.
        trained: row 0 is padding.
        features: how columns are read.
        file: where the table is from, for messages.

    Raises:
        CompositionError: settings of a column that are those of another kind.
        DataError: a column whose type is not that of any kind of content, or a row that has not one name at most where
            `one_hot` asks for that.
    """
    if table is None:
        return {}
    known, found = pl.Series(trained[1:].numpy()), {}
    for column, name in _content(table):
        found[column.name] = _fit(column, known, features.of(name))
        features.check_kind(name, found[column.name]["kind"])
        if found[column.name]["kind"] == "attributes" and features.of(name).encoding == "one_hot":
            _check_one_each(column, table, name, file)
    return found


def offered(*tables: pl.DataFrame | None) -> list[str]:
    """The content columns of tables, by the names under which a dataset offers them."""
    return [name for table in tables if table is not None for _, name in _content(table)]


def _content(table: pl.DataFrame) -> list[tuple[pl.Series, str]]:
    prefix = f"{USERS}." if "user" in table.columns else ""
    return [(column, prefix + column.name) for column in table if column.name not in IDS]


def encode(table: pl.DataFrame | None, fitted: Fitted) -> dict[str, Feature]:
    """The features of all rows, also those without training events, by what was fitted; row 0, padding, has none.

    Raises:
        DataError: a vector that is not finite.
    """
    return {name: _ENCODERS[found["kind"]](table[name], found) for name, found in fitted.items() if table is not None}


def published(*tables: pl.DataFrame | None) -> dict[str, Attributes]:
    """All names of all rows, whatever was fitted, by the names under which a dataset offers their columns: for who
    judges lists, not for models."""
    columns = (pair for table in tables if table is not None for pair in _content(table))
    return {name: _published(column) for column, name in columns if column.dtype == pl.List(pl.String)}


def _published(column: pl.Series) -> Attributes:
    every = pl.repeat(True, len(column), dtype=pl.Boolean, eager=True)
    return _attributes(column, _fit_attributes(column, every, Reading()))


def left_out(*tables: Fitted) -> int:
    """Names of attributes that no (or too few) trained rows have, and that are therefore nothing."""
    return sum(found.get("left_out", 0) for fitted in tables for found in fitted.values())


def _fit(column: pl.Series, trained: pl.Series, reading: Reading) -> dict[str, Any]:
    dtype = column.dtype
    if dtype == pl.String:
        return {"kind": "text"}
    if dtype == pl.List(pl.String):
        return _fit_attributes(column, trained, reading)
    if dtype.is_numeric():
        return _fit_numbers(column, trained, reading.numbers)
    if isinstance(dtype, pl.Array) and dtype.inner.is_float():  # type: ignore[union-attr]
        return {"kind": "vectors", "width": dtype.size}
    raise DataError(
        f"content column {column.name} holds {dtype}; content is text (String), attributes (a list of strings), "
        "a number or a vector (an array of floats)"
    )


# ---- attributes: ragged ids into a vocabulary


def _names(column: pl.Series) -> pl.DataFrame:
    """Every row's distinct names, in order: row, name."""
    lists = pl.DataFrame({"row": pl.int_range(len(column), eager=True), "name": column.fill_null([])})
    return lists.filter(pl.col("name").list.len() > 0).explode("name").drop_nulls().unique(maintain_order=True)


def _fit_attributes(column: pl.Series, trained: pl.Series, reading: Reading) -> dict[str, Any]:
    if reading.buckets is not None:  # a name's bucket is a function of the name: nothing to fit
        return {"kind": "attributes", "buckets": reading.buckets}
    pairs = _names(column)
    counts = pairs.filter(trained.gather(pairs["row"]))["name"].value_counts(name="n")
    kept = counts.filter(pl.col("n") >= reading.min_count)["name"]
    every = pairs["name"].unique(maintain_order=True)  # in the order in which the catalogue first uses them
    names = every.filter(every.is_in(kept.implode()))
    return {"kind": "attributes", "names": names.to_list(), "left_out": len(every) - len(names)}


def _check_one_each(column: pl.Series, table: pl.DataFrame, name: str, file: str) -> None:
    rows = _names(column)
    again = rows["row"].is_duplicated()
    if again.any():
        row = rows.filter(again)["row"][0]
        names = rows.filter(pl.col("row") == row)["name"]
        whose = f"{table.columns[0]} {table['id'][row]!r}" if "id" in table.columns else f"row {row + 1}"
        why = f"{whose} has {len(names)} names; encoding=one_hot takes one, and multi_hot takes several"
        raise DataError(worded(file, why, column=called(name), row=str(names.to_list())))


def _attributes(column: pl.Series, fitted: dict[str, Any]) -> Attributes:
    pairs = _names(column)
    if "buckets" in fitted:
        n = fitted["buckets"]
        words = pairs["name"].unique(maintain_order=True)
        ids = pl.Series([bucket(word, n) for word in words], dtype=pl.Int64)
        names = tuple(f"bucket {i}" for i in range(n))
    else:
        words = pl.Series(fitted["names"], dtype=pl.String)
        ids = pl.int_range(len(words), eager=True)
        names = tuple(fitted["names"])
    index = pl.DataFrame({"name": words, "value": ids})
    found = pairs.join(index, on="name", maintain_order="left").select("row", "value").unique(maintain_order=True)
    rows = torch.tensor(found["row"].to_numpy(), dtype=torch.long) + 1
    lengths = torch.bincount(rows, minlength=len(column) + 1)
    values = torch.tensor(found["value"].to_numpy(), dtype=torch.long)
    return Attributes(Ragged(values, torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])), names)


def bucket(name: str, n: int) -> int:
    """One of n buckets, the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") % n


# ---- numbers: (f(x) - shift) / scale


def _finite(column: pl.Series, scale: str) -> pl.Series:
    """As floats, null where a number is missing or not finite."""
    x = column.cast(pl.Float64)
    x = x.set(~x.is_finite().fill_null(False), None)
    return x.sign() * x.abs().log1p() if scale == "log" else x


def _fit_numbers(column: pl.Series, trained: pl.Series, scale: str) -> dict[str, Any]:
    x = _finite(column, scale).filter(trained)
    known = x.drop_nulls()
    mean, low, high, deviation = (float(v or 0.0) for v in (known.mean(), known.min(), known.max(), known.std(ddof=0)))  # type: ignore[arg-type]
    shift, width = {"minmax": (low, high - low), "none": (0.0, 1.0)}.get(scale, (mean, deviation))
    if width <= ROUNDING * max(1.0, abs(low), abs(high)):  # all the same; their mean may differ by rounding
        width = 1.0
    missing = x.has_nulls()  # a column for those without, and the mean in place of what they lack
    return {"kind": "numbers", "how": scale, "shift": shift, "scale": width, "mean": mean, "missing": missing}


def _numbers(column: pl.Series, fitted: dict[str, Any]) -> Numbers:
    x = _finite(column, fitted["how"])
    value = (x.fill_null(fitted["mean"]) - fitted["shift"]) / fitted["scale"]
    columns, names = [value], (column.name,)
    if fitted["missing"]:
        columns, names = [value, x.is_null()], (column.name, f"{column.name} missing")
    values = torch.stack([torch.tensor(c.to_numpy(), dtype=torch.float32) for c in columns], dim=1)
    return Numbers(_behind_padding(values), names)


# ---- vectors and text


def _vectors(column: pl.Series, fitted: dict[str, Any]) -> Vectors:
    some = torch.tensor(column.is_not_null().to_numpy())
    values = torch.zeros(len(column), fitted["width"])
    values[some] = torch.tensor(column.drop_nulls().to_numpy(), dtype=torch.float32)
    bad = ~values.isfinite().all(1)
    if bad.any():
        raise DataError(f"content column {column.name}: the vector of row {int(bad.nonzero()[0]) + 1} is not finite")
    return Vectors(_behind_padding(values))


def _text(column: pl.Series, fitted: dict[str, Any]) -> Text:
    return Text(("", *column.fill_null("")))


def _behind_padding(values: Float[Tensor, "R C"]) -> Float[Tensor, "N C"]:
    return torch.cat([values.new_zeros(1, values.shape[1]), values])


_ENCODERS = {"attributes": _attributes, "numbers": _numbers, "vectors": _vectors, "text": _text}
