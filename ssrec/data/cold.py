"""Held-out targets without training events, left out where that is asked for: `cold_targets=drop`."""

from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from ssrec.batch import Ragged
from ssrec.data.split import Held, Splits
from ssrec.data.splits.events import offsets
from ssrec.errors import DataError


def drop_cold(splits: Splits) -> Splits:
    """Both parts without cold targets; rows keep their numbers, and those without any target left are not evaluated.

    The facts tell how many rows of each part that leaves out; they count cold targets anyway.

    Raises:
        DataError: nothing is left of a part.
    """
    val, test = (without(splits.held(part), splits.corpus.trained) for part in ("val", "test"))
    facts = {}
    for part, held in (("val", val), ("test", test)):
        if len(held) and not held.asked.any():  # a refit holds nothing out for validation
            raise DataError(
                f"cold_targets=drop leaves no {part} row: no {part} target has a training event; say cold_targets=miss"
            )
        facts[f"n_{part}_rows_dropped"] = int((~held.asked).sum())
    return replace(splits, val=val, test=test, facts={**splits.facts, **facts})


def without(held: Held, trained: Bool[Tensor, "N"]) -> Held:
    """The rows with those of their targets that `trained` marks."""
    warm = trained[held.target.values]
    left = torch.bincount(held.target.rows[warm], minlength=len(held))
    return replace(held, target=Ragged(held.target.values[warm], offsets(left)))
