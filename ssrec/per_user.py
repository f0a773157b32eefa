"""What each row of a test scored: collected batch by batch, brought together over processes, stored beside a result."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import final

import polars as pl
import torch
from jaxtyping import Float64, Int, Shaped
from torch import Tensor, nn

from ssrec.data.canonical import Canonical
from ssrec.distributed import of_all
from ssrec.errors import DataError
from ssrec.metrics.metric import RowMean

FILE = "per_user.parquet"
KEYS = ("row", "user", "n_targets")
STEP = "rows_on"  # of a published file, instead of the row
LOWER = "lower_is_better"  # of the file's metadata: names of metrics that are better when lower


@final
class PerUser:
    """The rows that were tested: which they are, how many targets they have, and the value of each metric."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._blocks: list[Tensor] = []  # where they were computed: a transfer a batch would wait for the device

    def add(
        self, rows: Int[Tensor, "B"], relevant: Int[Tensor, "B"], values: Mapping[str, Float64[Tensor, "B"]]
    ) -> None:
        """A batch; NaN where a value is undefined."""
        self._names = tuple(values)
        self._blocks.append(torch.stack([rows.double(), relevant.double(), *values.values()], dim=1))

    def gathered(self) -> dict[str, Shaped[Tensor, "R"]]:
        """`row`, `n_targets` and each metric by name, over all processes and in the order of rows, on the CPU."""
        whole = of_all(torch.cat(self._blocks))[0].cpu()
        columns = whole[whole[:, 0].argsort()].T.contiguous()
        row, relevant = columns[:2].long()
        return {"row": row, "n_targets": relevant, **dict(zip(self._names, columns[2:], strict=True))}


def ids(canonical: Canonical, user: Int[Tensor, "B"]) -> pl.Series:
    """The id in the raw data of each of these users; null for the unknown one."""
    assert canonical.users is not None, "stored canonical data have a table of users"
    place = pl.Series(user.numpy(), dtype=pl.Int64) - 1
    return canonical.users["id"].cast(pl.String).gather(place.set(place < 0, None)).rename("user")


def lower(metrics: Iterable[nn.Module]) -> frozenset[str]:
    """The names, among those stored for each user, of what is better when lower."""
    stored = (m for m in metrics if isinstance(m, RowMean) and m.per_user and m.higher_is_better is False)
    return frozenset(label for metric in stored for label in metric.labels)


def write(folder: Path, columns: Mapping[str, Shaped[Tensor, "R"]], users: pl.Series, lower: frozenset[str]) -> None:
    """Write `per_user.parquet` whole or not at all.

    Args:
        folder: of the run.
        columns: what `PerUser.gathered` returns.
        users: the raw id of every row of the test, from row 0 on, tested or not.
        lower: names of metrics that are better when lower.
    """
    row = pl.Series("row", columns["row"].numpy())
    named = [pl.Series(name, values.numpy()) for name, values in columns.items() if name != "row"]
    table = pl.DataFrame([row, users.gather(row).rename("user"), *named])
    _write(folder / FILE, table.with_columns(pl.col(pl.Float64).fill_nan(None)), lower.intersection(columns))


def file_of(place: Path) -> Path:
    """Where a run's folder has the values of its users, or those beside the file of a published result."""
    return place.with_suffix(".parquet") if place.suffix == ".json" else place / FILE


def read(file: Path) -> pl.DataFrame:
    """What a run stored of its users.

    Raises:
        DataError: it stored nothing, or the file is damaged.
    """
    if not file.exists() and file.name != FILE:
        raise DataError(f"{file} is missing: its result was published without values of users; see ssrec publish")
    if not file.exists():
        raise DataError(
            f"{file.parent} has no {FILE}: it is from before runs stored what each user scored\n"
            "delete that folder and make the run again"
        )
    try:
        table = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        what = f"delete {file.parent} and make the run again" if file.name == FILE else "publish that run again"
        raise DataError(f"{file} is damaged ({type(error).__name__}); {what}") from None
    return table.with_columns(pl.col(STEP).cum_sum()).rename({STEP: KEYS[0]}) if STEP in table.columns else table


def lower_is_better(file: Path) -> frozenset[str]:
    """The metrics of a file that are better when lower."""
    return frozenset(pl.read_parquet_metadata(file).get(LOWER, "").split())


def publish(file: Path, copy: Path, metrics: Sequence[str]) -> None:
    """Write a copy of a run's file that is small enough to be committed: with some metrics, at full precision.

    A row is stored as its distance from the one before, for Parquet keeps a column of few different values small. Of
    the 22,363 users of Amazon Beauty, the 18 metrics that runs have by default take 40 to 100 kB, one alone 15 to 20;
    single precision would save a tenth, and verdicts would no longer be exactly those of the runs.

    Raises:
        DataError: the run stored nothing, or its file is damaged.
    """
    table = read(file).select(*KEYS, *metrics)
    steps = pl.col(KEYS[0]).diff().fill_null(pl.col(KEYS[0])).alias(STEP)
    lower = lower_is_better(file) & frozenset(metrics)
    _write(copy, table.select(steps, pl.exclude(KEYS[0])), lower)


def _write(file: Path, table: pl.DataFrame, lower: frozenset[str]) -> None:
    """Whole or not at all."""
    scratch = file.with_name(f"{file.name}.part")
    table.write_parquet(scratch, compression="zstd", statistics=False, metadata={LOWER: " ".join(sorted(lower))})
    os.replace(scratch, file)
