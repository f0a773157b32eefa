"""From scores to ranks and top lists over the whole catalogue, or over what candidates there are.

Column 0 (padding) is never a candidate, nor are a row's `seen` items where they are masked, but a target always is.
Among equal scores a top list has lower ids first, so that a shorter one is the beginning of a longer one.
The caller's scores are read only: rows are copied a block at a time, small enough to stay in the cache, and all work is
done on the copy.
"""

import math
from dataclasses import dataclass, fields, replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32, Int, Shaped
from torch import Tensor

from ssrec.batch import PAD, Batch, Ragged

CPU_BLOCK, GPU_BLOCK = 2**19, 2**27  # scores in a block: what a core's cache holds, what a GPU's memory can spare
MaskSeen = bool | Literal["zero"]
GROUPS = 8  # columns that share a maximum in `highest`
SHOWS = 5  # first items that show whether a row has an order, where lists are shorter: any two may tie


@dataclass(frozen=True)
class Ranking:
    """What metrics read of one batch: all that is known of its rows, and where their targets stand.

    `target` holds no repeats, and `relevant` counts what it holds. Ranks beyond the top lists are exact where a ranking
    is `whole`, and otherwise all the number of item rows, which no rank reaches. `candidates` counts what a row's
    targets stand among, themselves included. `flat` marks rows whose order says nothing: all scores of the top list (of
    the first 5 items, where it is shorter) are the same, or some score is NaN. `batch.seen` is a row's past, masked or
    not.
    """

    ranks: Int[Tensor, "B K"]
    target: Int[Tensor, "B K"]
    relevant: Int[Tensor, "B"]
    top: Int[Tensor, "B k"]
    candidates: Int[Tensor, "B"]
    flat: Bool[Tensor, "B"]
    batch: Batch
    item_vectors: Float[Tensor, "N D"] | None = None

    @property
    def past(self) -> Ragged:
        """What stood before the targets, whole."""
        return past_of(self.batch)

    def select(self, rows: Bool[Tensor, "B"]) -> "Ranking":
        """The marked rows."""
        chosen = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)
            if field.name not in ("batch", "item_vectors")
        }
        return replace(self, **chosen, batch=self.batch.select(rows.nonzero().flatten()))


def past_of(batch: Batch) -> Ragged:
    """The full past of a batch's rows; empty where the batch carries none."""
    return batch.seen or Ragged(batch.user[:0], batch.user.new_zeros(len(batch) + 1))


def rank(scores: Float32[Tensor, "B N"], target: Int[Tensor, "B K"], seen: Ragged | None) -> Int[Tensor, "B K"]:
    """The rank of each target, 1 the best; 0 for padding and for a repeat of an earlier target.

    Only a strictly higher score passes an item: a target stands behind every candidate that ties with it, a target
    that is NaN behind all candidates, and a candidate that is NaN passes nothing. Targets that tie with each other
    take consecutive ranks in their order.
    """
    return ranking(scores, _asking(target, seen), 0).ranks


def top_items(scores: Float32[Tensor, "B N"], k: int, seen: Ragged | None) -> Int[Tensor, "B k"]:
    """The k best candidates of each row, best first, NaN last; PAD where there are fewer."""
    nothing = torch.empty(len(scores), 0, dtype=torch.long, device=scores.device)
    return ranking(scores, _asking(nothing, seen), k).top


def _asking(target: Int[Tensor, "B K"], seen: Ragged | None) -> Batch:
    """Rows of nobody known that ask for these items."""
    rows = torch.arange(len(target), device=target.device)
    return Batch(rows, torch.zeros_like(rows), target.new_zeros(len(target), 0), target, seen=seen)


def ranking(
    scores: Float32[Tensor, "B N"],
    batch: Batch,
    k: int,
    *,
    mask_seen: MaskSeen = True,
    allowed: Bool[Tensor, "B N"] | None = None,
    item_vectors: Float[Tensor, "N D"] | None = None,
    whole: bool = True,
) -> Ranking:
    """Ranks and top lists of length k in one pass over the scores.

    Args:
        scores: of every item row, for each row of the batch.
        batch: whose targets are looked for.
        k: length of the top lists; 0 for none.
        mask_seen: whether the past is left out of the candidates; `zero` keeps it there with a score of 0.
        allowed: which items are candidates at all; targets always are.
        item_vectors: handed on to metrics.
        whole: whether ranks beyond the top lists are asked for: counting up to them reads all scores once for each
            target, within the lists it reads nothing.
    """
    scores = scores.detach()
    target = without_repeats(batch.target)
    relevant = (target != PAD).sum(1)
    order = relevant.argsort(descending=True, stable=True)  # rows with as many targets share a block
    past = past_of(batch) if mask_seen else Ragged(order[:0], order.new_zeros(len(order) + 1))
    seen = past.select(order)
    seen_rows, bounds = seen.rows, seen.offsets.tolist()
    size = max(1, (CPU_BLOCK if scores.device.type == "cpu" else GPU_BLOCK) // scores.shape[1])
    depth = min(k, scores.shape[1])
    ranks, top = torch.zeros_like(target), target.new_full((len(target), k), PAD)
    flat = torch.zeros(len(target), dtype=torch.bool, device=target.device)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        wanted = target[rows]
        part = slice(bounds[start], bounds[start + len(rows)])
        met = seen_rows[part] - start, seen.values[part]
        block = scores[rows]
        if mask_seen == "zero":
            block[met] = 0.0
        keys, nothing = comparable(block)
        bars = keys.gather(1, wanted).masked_fill(wanted == PAD, nothing)
        if allowed is not None:
            keys.masked_fill_(~allowed[rows], nothing)
        if mask_seen is True:
            keys[met] = nothing
        keys[:, PAD] = nothing
        keys.scatter_(1, wanted, bars)
        shown, items = first(keys, depth, nothing)
        values = shown[:, :depth]
        if depth and not whole:
            ranks[rows] = listed(values, bars, scores.shape[1]).masked_fill(wanted == PAD, 0)
            unsure = (bars == values[:, -1:]) & (wanted != PAD)  # others may tie with the last of the list
        else:
            unsure = wanted != PAD
        counted = unsure.any(1).nonzero().flatten()
        if len(counted):
            rest = keys if len(counted) == len(keys) else keys[counted]
            rest.scatter_(1, wanted[counted], nothing)
            found = places(rest, bars[counted], relevant[rows[counted]])
            ranks[rows[counted]] = torch.where(unsure[counted], found, ranks[rows[counted]])
        top[rows, :depth] = items.masked_fill(values == nothing, PAD)
        if shown.shape[1] > 1:
            last = torch.where(shown == nothing, shown[:, :1], shown).amin(1)  # lists may be shorter than `depth`
            flat[rows] = (shown[:, 0] == last) & (shown[:, 1] != nothing)
        if keys.dtype == torch.int32:  # else all scores are finite
            flat[rows] |= block.isnan().any(1)
    candidates = _count(target, past if mask_seen is True else None, allowed, scores.shape[1] - 1)
    return Ranking(ranks, target, relevant, top, candidates, flat, batch, item_vectors)


def _count(
    target: Int[Tensor, "B K"], masked: Ragged | None, allowed: Bool[Tensor, "B N"] | None, n_items: int
) -> Int[Tensor, "B"]:
    """Candidates of each row, without looking at every score again."""
    if allowed is not None:  # dense already
        dense = allowed.clone()
        if masked is not None:
            dense[masked.rows, masked.values] = False
        return dense.scatter_(1, target, True)[:, PAD + 1 :].sum(1)
    if masked is None:
        return target.new_full((len(target),), n_items)
    width = n_items + 1
    met = torch.unique(masked.rows * width + masked.values)
    rows = torch.arange(len(target), device=target.device)[:, None]
    kept = torch.isin(met, (rows * width + target).flatten())
    out = met[~kept & (met % width != PAD)] // width
    return n_items - torch.bincount(out, minlength=len(target))


def without_repeats(target: Int[Tensor, "B K"]) -> Int[Tensor, "B K"]:
    """PAD in place of every item that already stands further left in its row."""
    items, place = target.sort(dim=1, stable=True)
    items[:, 1:] = items[:, 1:].masked_fill(items.diff(dim=1) == 0, PAD)
    return torch.empty_like(target).scatter_(1, place, items)


def comparable(scores: Float32[Tensor, "B N"]) -> tuple[Shaped[Tensor, "B N"], float | int]:
    """Keys in the order of the scores with NaN below everything, and a key below those for what is no candidate.

    Finite scores are their own keys. Otherwise -inf is a score like any other, so the keys are integers: the bits of
    a float, read as a signed integer, are in its order once those of negative numbers are flipped.
    """
    if (scores.amin(1) > -math.inf).all():
        return scores, -math.inf
    info = torch.iinfo(torch.int32)
    bits = (scores + 0.0).view(torch.int32)  # -0.0 becomes 0.0
    keys = bits ^ (bits >> 31).bitwise_and_(info.max)
    return keys.masked_fill_(scores.isnan(), info.min + 1), info.min


def places(keys: Shaped[Tensor, "B N"], bars: Shaped[Tensor, "B K"], relevant: Int[Tensor, "B"]) -> Int[Tensor, "B K"]:
    """The rank of each bar among the keys and the other bars, given rows in descending order of `relevant`."""
    bars, position = bars.sort(dim=1, descending=True, stable=True)  # real ones before padding
    ranks = torch.zeros_like(position)
    above = torch.empty_like(keys)  # ones in the keys' own type: summed faster than bools, and exact up to 2**24
    most = int(relevant[0]) if len(relevant) else 0
    active = (relevant[:, None] > torch.arange(most, device=keys.device)).sum(0).tolist()
    for j, rows in enumerate(active):
        torch.ge(keys[:rows], bars[:rows, j, None], out=above[:rows])
        ranks[:rows, j] = above[:rows].sum(1, dtype=keys.dtype).long() + (j + 1)
    return torch.empty_like(ranks).scatter_(1, position, ranks)


def listed(values: Shaped[Tensor, "B k"], bars: Shaped[Tensor, "B K"], beyond: int) -> Int[Tensor, "B K"]:
    """The rank of each bar that is above the last of the k highest keys, bars included; `beyond` for the others."""
    bars, position = bars.sort(dim=1, descending=True, stable=True)
    others = (values[:, :, None] >= bars[:, None, :]).sum(1) - (bars[:, :, None] >= bars[:, None, :]).sum(1)
    own = torch.arange(1, bars.shape[1] + 1, device=bars.device)
    ranks = torch.where(bars > values[:, -1:], others + own, beyond)
    return torch.empty_like(ranks).scatter_(1, position, ranks)


def first(
    keys: Shaped[Tensor, "B N"], k: int, nothing: float | int
) -> tuple[Shaped[Tensor, "B m"], Int[Tensor, "B k"]]:
    """The columns of the k highest keys, of equal ones the first columns first; and the highest keys, SHOWS at least.

    Which of equal keys `topk` takes, and in which order, depends on k. So one more is taken: only rows that go on with
    the key on which their list ends are searched for it. Where keys are `nothing`, columns are any.
    """
    n = keys.shape[1]
    if not k:
        return keys[:, :0], torch.empty(len(keys), 0, dtype=torch.long, device=keys.device)
    values, items = highest(keys, min(max(k + 1, SHOWS), n))
    tied = values[:, 1:] == values[:, :-1]
    items = items[:, :k]
    if k < n:
        ending = (tied[:, k - 1] & (values[:, k - 1] != nothing)).nonzero().flatten()
        if len(ending):
            last = values[ending, k - 1, None]
            among = values[ending, :k] == last
            wanted = among.sum(1, keepdim=True)
            backwards = torch.arange(n, 0, -1, dtype=torch.int32, device=keys.device)
            left = n - highest((keys[ending] == last) * backwards, int(wanted.max()))[0].long()
            taken = left[torch.arange(left.shape[1], device=keys.device) < wanted]
            items[ending] = items[ending].masked_scatter(among, taken)
    inside = tied[:, : k - 1].any(1).nonzero().flatten()
    if len(inside):
        group = F.pad((~tied[inside, : k - 1]).cumsum(1), (1, 0))
        items[inside] = (group * n + items[inside]).sort(1).values % n
    return values[:, : max(k, SHOWS)], items


def highest(keys: Shaped[Tensor, "B N"], k: int) -> tuple[Shaped[Tensor, "B k"], Int[Tensor, "B k"]]:
    """The k highest keys in descending order and their columns.

    The k highest keys lie in the k groups of columns with the highest maxima, so only those are searched, and the
    groups are found in the same way.
    """
    n = keys.shape[1]
    width = n // GROUPS
    if not k or width < GROUPS * k:
        return keys.topk(k)
    _, groups = highest(keys[:, : GROUPS * width].unflatten(1, (GROUPS, width)).amax(1), k)
    columns = (groups[:, :, None] + width * torch.arange(GROUPS, device=keys.device)).flatten(1)
    rest = torch.arange(GROUPS * width, n, device=keys.device).expand(len(keys), -1)
    columns = torch.cat([columns, rest], dim=1)
    values, place = keys.gather(1, columns).topk(k)
    return values, columns.gather(1, place)
