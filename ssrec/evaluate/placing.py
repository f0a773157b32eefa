"""Listed items -> lists: what is no candidate is taken out, and each target gets its place."""

import polars as pl
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ssrec.batch import PAD, Corpus
from ssrec.candidates import Allowed
from ssrec.data.split import Held
from ssrec.errors import DataError
from ssrec.evaluate.lists import Lists
from ssrec.ranking import SHOWS

CELLS = 1 << 24  # row and item pairs looked at together


def lists_of(
    table: pl.DataFrame, corpus: Corpus, held: Held, *, k: int, mask_seen: bool, allowed: Allowed | None = None
) -> Lists:
    """The lists of all rows, by sorting what is listed once.

    Args:
        table: row, item, rank or score or both, and line, the order of what else is equal.
        corpus, held: the split.
        k: length of the top lists.
        mask_seen: whether a row's past is no candidate, unless it is a target.
        allowed: which items are candidates at all; targets always are.

    Raises:
        DataError: nothing that is listed is a candidate.
    """
    width, n = corpus.item_rows, len(held)
    table = table.with_columns((pl.col("row") * width + pl.col("item")).alias("key"))
    key, wanted = _tensor(table["key"]), held.target.rows * width + held.target.values
    masked = torch.unique(held.past.rows * width + held.past.values) if mask_seen else wanted[:0]
    masked = masked[~torch.isin(masked, wanted)]
    seen = torch.isin(key, masked)
    candidates = corpus.n_items - torch.bincount(masked // width, minlength=n)
    out = seen
    if allowed is not None:
        inside, candidates = _among(allowed, [key, wanted.unique(), masked], width, n)
        out = seen | ~(inside | torch.isin(key, wanted))
    if out.all():
        raise DataError("no listed item is a candidate of its row; mask_seen=false would keep a row's own past")
    if out.any():
        table = table.filter(pl.Series((~out).numpy()))
    first = pl.DataFrame({"key": wanted.numpy()}).with_row_index("target").unique("key", keep="first")
    table = _ordered(table.join(first, on="key", how="left"))

    row, value = _tensor(table["row"]), _tensor(table["value"])
    lengths = torch.bincount(row, minlength=n)
    start = lengths.cumsum(0) - lengths
    place = torch.arange(len(row)) - start[row] + 1
    nan, asked = value.isnan(), _tensor(table["asked"])
    known = asked & ~nan
    places = torch.zeros(len(wanted), dtype=torch.long)
    places[_tensor(table["target"].cast(pl.Int64).fill_null(0))[known]] = place[known]

    top = torch.zeros(n, k, dtype=torch.long)
    near = place <= k
    top[row[near], place[near] - 1] = _tensor(table["item"])[near]
    tied = _tied(row, value)
    best, last = start.clamp(max=len(row) - 1), (start + lengths.clamp(1, max(k, SHOWS)) - 1).clamp(max=len(row) - 1)
    nans = torch.bincount(row[nan], minlength=n)
    return Lists(
        top=top,
        places=places,
        lengths=lengths,
        placed=lengths - nans,
        candidates=candidates,
        flat=(lengths > 1) & (value[best] == value[last]) | (nans > 0),
        listed_seen=int(seen.sum()),
        listed_no_candidates=int((out & ~seen).sum()),
        rows_with_ties=len(row[tied].unique()),
        tied_targets=int((tied & asked).sum()),
        nan_scores=int(nan.sum()),
    )


def _among(
    allowed: Allowed, cells: list[Int[Tensor, "_"]], width: int, n: int
) -> tuple[Bool[Tensor, "E"], Int[Tensor, "B"]]:
    """Which of the listed cells (row * width + item) are allowed, and how many candidates each row has.

    `cells` are those listed, those wanted and those masked, the last two each once; a block of rows at a time.
    """
    every = torch.cat(cells)
    order = every.argsort()
    inside, counts = torch.zeros(len(every), dtype=torch.bool), torch.zeros(n, dtype=torch.long)
    for rows in torch.arange(n).split(max(1, CELLS // width)):
        mask = allowed(rows).clone()
        mask[:, PAD] = False
        counts[rows] = mask.sum(1)
        first = int(rows[0]) * width
        start, end = torch.searchsorted(every[order], torch.tensor([first, first + mask.numel()])).tolist()
        inside[order[start:end]] = mask.flatten()[every[order[start:end]] - first]
    listed, wanted, masked = inside.split([len(part) for part in cells])
    counts += torch.bincount(cells[1][~wanted] // width, minlength=n)
    counts -= torch.bincount(cells[2][masked] // width, minlength=n)
    return listed, counts


def _ordered(table: pl.DataFrame) -> pl.DataFrame:
    """Sorted by row and `value`, lower is better, NaN last; among equals the targets come last, in their order."""
    value = 0.0 - pl.col("score") if "score" in table.columns else pl.col("rank")
    order = [name for name in ("rank", "line") if name in table.columns]
    table = table.with_columns(value.alias("value"), pl.col("target").is_not_null().alias("asked"))
    return table.sort("row", "value", "asked", "target", *order)


def _tied(row: Int[Tensor, "E"], value: Tensor) -> Bool[Tensor, "E"]:
    """Whether something else in the list has the same value; NaN has none."""
    near = (row[1:] == row[:-1]) & (value[1:] == value[:-1])
    return torch.cat([near, near.new_zeros(1)]) | torch.cat([near.new_zeros(1), near])


def _tensor(column: pl.Series) -> Tensor:
    return torch.from_numpy(column.to_numpy(writable=True))
