"""A map of the items: their vectors on the two axes along which they vary most."""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.pictures import Points
from ssrec.diagnostics.vectors import blocks, drawn, mean
from ssrec.nn import require

OTHERS = "others"


def principal(x: Float[Tensor, "M D"]) -> tuple[Float64[Tensor, "D A"], Float64[Tensor, ""]]:
    """The two axes of largest variance (one, of vectors that have one dimension) and their share of it, in [0, 1].

    An axis points where its largest entry is positive. NaN where nothing varies.
    """
    centre = mean(x)
    start = torch.zeros(len(centre), len(centre), dtype=torch.float64)
    scatter = sum(((block - centre).T @ (block - centre) for block in blocks(x)), start)
    variances, axes = torch.linalg.eigh(scatter)
    axes = axes[:, -2:].flip(1)
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    return axes * largest.sign(), variances[-2:].sum() / variances.sum()


def commonest(labels: Int[Tensor, "M"], names: tuple[str, ...], most: int) -> tuple[Int[Tensor, "M"], tuple[str, ...]]:
    """Labels (0: none, else a name's place + 1) as the `most` commonest names, most common first, and the others."""
    sizes = torch.bincount(labels, minlength=len(names) + 1)[1:]
    kept = sizes.argsort(descending=True, stable=True)[:most]
    kept = kept[sizes[kept] > 0]
    group = torch.full_like(sizes, len(kept), dtype=torch.long)
    group[kept] = torch.arange(len(kept))
    group = torch.cat([group.new_tensor([len(kept)]), group])
    return group[labels], (*(names[i] for i in kept.tolist()), OTHERS)


@final
class Map(Diagnostic):
    """A picture of trained items by `principal` axes, coloured by first category; `map_share`: what the axes hold.

    Args:
        corpus, data, every: see `Diagnostic`.
        sample: items drawn at most.
        colours: how many categories have a colour of their own, the commonest.
    """

    undefined = "all vectors are the same"

    def __init__(
        self,
        corpus: Corpus,
        data: Mapping[str, str],
        *,
        sample: int = 5000,
        colours: int = 9,
        every: int | None = None,
    ):
        super().__init__(corpus, data, every=every)
        require(sample > 0, f"diagnostic map: sample={sample} must be at least 1")
        require(0 <= colours <= 9, f"diagnostic map: colours={colours} must be between 0 and 9")
        self.sample = sample
        self.colours = colours

    def __call__(self, seen: Seen) -> Found:
        axes, share = principal(seen.items)
        shown = drawn(len(seen.items), self.sample)
        places = torch.zeros(len(shown), 2, dtype=torch.float64)
        places[:, : axes.shape[1]] = (seen.items[shown].double() - mean(seen.items)) @ axes
        attributes = seen.corpus.attributes
        labels = torch.zeros_like(shown) if attributes is None else attributes.labels()[seen.ids[shown]]
        group, names = commonest(labels, attributes.names if attributes else (), self.colours)
        return Found({"map_share": share}, {"map": Points("items by principal axes", places, group, names)})
