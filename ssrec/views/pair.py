"""Two views of each row: which of several each copy gets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast, final

import torch
from torch import Tensor, nn

from ssrec.batch import PAD, Batch, Corpus
from ssrec.nn import require
from ssrec.views.view import View, choose

MakeViews = Mapping[str, Callable[[Corpus], View]]
Draw = Literal["different", "independent", "same", "given"]


@final
class Pair(nn.Module):
    """Two copies of a batch, seen through views that are drawn for each row alone.

    Views are known by their names, in whatever order they were listed.

    Args:
        corpus: the training split, for the views.
        views: to draw from; a single one makes both copies.
        draw: different: an ordered pair of different views, all pairs alike. independent: a view for each copy, perhaps
            the same one. same: one view for both copies. given: of at most two views the first by name for the first
            copy of all rows, the second for the second.
        short, short_views: rows of at most `short` items draw from these views alone, given by name (CoSeRec: Liu et
            al., arXiv 2021); without names they are rows like any other.

    Raises:
        CompositionError: without a view, for a third one that `draw=given` would not use, or for a short view that is
            none of them.
    """

    def __init__(
        self,
        corpus: Corpus,
        views: MakeViews,
        *,
        draw: Draw = "different",
        short: int = 4,
        short_views: Sequence[str] = (),
    ):
        super().__init__()
        require(bool(views), "a contrast has no view to draw from, for example views crop, mask and reorder")
        third = f"draw=given takes two views, one for each copy, and not {len(views)}: {', '.join(sorted(views))}"
        require(draw != "given" or len(views) <= 2, third)
        for name in short_views:
            require(name in views, f"short_views names {name}, which is none of the views: {', '.join(views)}")
        self._made = nn.ModuleDict({name: views[name](corpus) for name in sorted(views)})
        self.draw: Draw = draw
        self.short = short
        self.short_views = sorted(short_views)

    @property
    def views(self) -> dict[str, View]:
        return {name: cast(View, view) for name, view in self._made.items()}

    def before_epoch(self, items: Callable[[], Tensor]) -> None:
        """`items` computes the item vectors "N D" of that moment."""
        for view in self.views.values():
            view.before_epoch(items)

    def forward(self, batch: Batch, max_length: int) -> tuple[Batch, Batch]:
        """The two copies, cut to their last `max_length` columns."""
        first, second = self._drawn([*self.views.values()], batch, max_length)
        if self.short_views:
            briefs = self._drawn([self.views[name] for name in self.short_views], batch, max_length)
            brief = ((batch.items != PAD).sum(1) <= self.short).long()
            first, second = (choose(copies, brief) for copies in zip((first, second), briefs, strict=True))
        return first, second

    def _drawn(self, views: Sequence[View], batch: Batch, columns: int) -> tuple[Batch, Batch]:
        n = len(views)
        if self.draw == "given":
            return views[0].within(batch, columns), views[min(1, n - 1)].within(batch, columns)
        once = self.draw == "different" and n > 1  # no view is then needed twice in a row
        # for all rows: cheaper than to select them
        made = [view.within(batch, columns) for view in [*views, *(() if once else views)]]
        rows = {"size": (len(batch),), "device": batch.items.device}
        if self.draw == "different":
            first = torch.randint(len(made), **rows)
            second = (first + torch.randint(1, len(made), **rows)) % len(made)
        else:
            first = torch.randint(n, **rows)
            second = n + (first if self.draw == "same" else torch.randint(n, **rows))
        return choose(made, first), choose(made, second)
