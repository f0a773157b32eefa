"""Rows, times and encoders whose every number matters, for tests of sequence encoders."""

from functools import partial

import torch
from torch import Tensor

from ssrec.models.table import IdSource, Table

IDS = torch.tensor([[0, 0, 3, 5, 1], [4, 2, 2, 9, 8], [0, 0, 0, 0, 7], [0, 0, 0, 0, 0]])
TIMES = torch.tensor([[0, 0, 90, 100, 140], [5, 5, 9, 900, 100_000], [0, 0, 0, 0, 7], [0, 0, 0, 0, 0]])


def drawn(make, corpus, spread=True, **settings):
    """A small encoder in evaluation, its biases and norms drawn as well; `spread=False` leaves it as it starts."""
    torch.manual_seed(0)
    small = {"table": partial(Table, sources={"id": IdSource}), "dim": 8, "max_length": 7}
    model = make(corpus, **{**small, **settings}).eval()
    if spread:
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        with torch.no_grad():
            model.table.sources["id"].embedding.weight[0] = 0
    return model


def past(row: int) -> list[int]:
    """The items of a row of `IDS`, without padding."""
    return [i for i in IDS[row].tolist() if i]


def attended(q: Tensor, k: Tensor, v: Tensor, heads: int, reach, bias=None) -> Tensor:
    """Softmax attention position by position and head by head; `reach(t)` are the keys of position t."""
    rows = []
    for t in range(len(q)):
        parts = []
        for h, (a, b, c) in enumerate(zip(*(x.chunk(heads, dim=1) for x in (q, k, v)), strict=True)):
            logits = [b[s] @ a[t] / a.shape[1] ** 0.5 + (0 if bias is None else bias(h, t, s)) for s in reach(t)]
            share = torch.stack(logits).softmax(0)
            parts.append(sum(w * c[s] for w, s in zip(share, reach(t), strict=True)))
        rows.append(torch.cat(parts))
    return torch.stack(rows)
