"""Contrast views of a sequence with what learned augmenters make of their vectors: MCLRec."""

from collections.abc import Callable, Mapping, Sequence
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.contrasts.info_nce import InfoNCE
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import gather, global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.width import one_item
from ssrec.views.pair import Pair
from ssrec.views.view import View


@final
class AugmentedContrast(Objective[SequenceEncoding]):
    """Contrasts of two views of a row's past, x and y, with their augmentations f(x) and g(y).

    f and g are two networks; every contrast is InfoNCE by dot products with 2B - 2 negatives (MCLRec: Qin et al., SIGIR
    2023, as its code runs, which steps the encoder and the networks in turn: `phases`). Parts: augmented, the sum of
    the means of (x, g(y)), (y, f(x)) and (f(x), g(y)); margin, `margin` times the sum of the `margins` of these pairs;
    and, where `plain` is above 0, plain, `plain` times the mean of (x, y).

    Args:
        views: of ids, to draw from: each row an ordered pair of different ones.
        widths: of the networks' layers between entry and exit, with GELU; what leaves them has length 1.
        plain, margin: weights within this objective.
        temperature: divides every dot product.

    Raises:
        CompositionError: for a setting outside its range.
    """

    rows = ("window", "prefix")
    contrasts_rows = True

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        views: Mapping[str, Callable[[Corpus], View]],
        widths: Sequence[int] = (32, 16),
        plain: float = 0.0,
        margin: float = 0.1,
        temperature: float = 1.0,
    ):
        super().__init__(encoder, corpus)
        require(all(w > 0 for w in widths), f"augmented_contrast: widths={list(widths)} must be at least 1")
        for name, weight in {"plain": plain, "margin": margin}.items():
            require(weight >= 0, f"augmented_contrast: {name}={weight} must not be negative")
        self.pair = Pair(corpus, views)
        self.contrast = InfoNCE(temperature=temperature)
        self.plain = plain
        self.margin = margin
        width = one_item(encoder).hidden.shape[-1]
        self.augmenters = nn.ModuleList(_network(width, widths) for _ in range(2))

    @property
    def views(self) -> Mapping[str, View]:
        return self.pair.views

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        self.pair.before_epoch(lambda: one_item(encoder).items)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        copies = self.pair(x.batch, x.max_length)
        first, second = (x.view(seen.items, causal=x.causal, times=seen.times).pool("last") for seen in copies)
        changed = [
            F.normalize(augment(view).float(), dim=1)
            for augment, view in zip(self.augmenters, (first, second), strict=True)
        ]
        pairs = [(first, changed[1]), (second, changed[0]), (changed[0], changed[1])]
        parts = {"augmented": torch.stack([self._contrasted(a, b) for a, b in pairs]).sum()}
        if self.margin:
            parts["margin"] = (
                self.margin * torch.stack([margins(a, b, self.contrast.temperature) for a, b in pairs]).sum()
            )
        if self.plain:
            parts["plain"] = self.plain * self._contrasted(first, second)
        return parts

    def _contrasted(self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"]) -> Float[Tensor, ""]:
        return self.contrast(first, second)["info_nce"]


def margins(first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], temperature: float = 1.0) -> Float[Tensor, ""]:
    """How far logits of a contrast lie apart, a mean over its 2B anchors; lower says that they are alike.

    Of each anchor, with p its positive logit and h the largest of its negatives n: `max(p - h, 0)`, and the mean over n
    of `max(p, h) - n`. It keeps augmentations from being told apart too easily (MCLRec: Qin et al., SIGIR 2023, as its
    code runs). Among the rows of all processes, in fp32; 0 where there is one row.
    """
    with torch.autocast(first.device.type, enabled=False):
        first, second = first.float(), second.float()
        (others, start), (everyone, _) = gather(first), gather(second)
        n, own = 2 * len(everyone) - 2, torch.arange(start, start + len(first), device=first.device)
        if n < 1:
            return (first.sum() + second.sum()) * 0
        logits = torch.cat([first, second]) @ torch.cat([others, everyone]).T / temperature
        itself, pair = torch.cat([own, own + len(others)]), torch.cat([own + len(others), own])
        positive = logits.gather(1, pair[:, None]).squeeze(1)
        no_negatives = torch.stack([itself, pair], dim=1)
        hardest = logits.scatter(1, no_negatives, -torch.inf).amax(1)
        mean = logits.scatter(1, no_negatives, 0.0).sum(1) / n
        apart = (positive - hardest).relu() + torch.maximum(positive, hardest) - mean
        return global_mean(apart.sum(), 2 * len(first))


def _network(width: int, inner: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for entering, leaving in zip((width, *inner), inner, strict=False):
        layers += [nn.Linear(entering, leaving), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(inner[-1] if inner else width, width))
