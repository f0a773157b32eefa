"""What can be read off vectors linearly: an item's category, and the category of what a user meets next."""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.purity import labelled
from ssrec.diagnostics.vectors import SEED, blocks, drawn
from ssrec.nn import require


def class_weights(x: Float64[Tensor, "M D"], labels: Int[Tensor, "M"], l2: float) -> Float64[Tensor, "D1 C"]:
    """Ridge regression of the classes as zeros and ones, one against the rest; the last row is the intercept.

    The penalty on the slopes is `l2 * M`. Every class's sum of rows is all that the targets enter with, so no matrix
    of zeros and ones is made.
    """
    n, centre = len(x), x.mean(0)
    x = x - centre
    sums = x.new_zeros(int(labels.max()) + 1, x.shape[1]).index_add_(0, labels, x)
    slopes = torch.linalg.solve(x.T @ x + l2 * n * torch.eye(x.shape[1], dtype=x.dtype), sums.T)
    shares = torch.bincount(labels).double() / n
    return torch.cat([slopes, (shares - centre @ slopes)[None]])


def probe(
    x: Float[Tensor, "M D"], labels: Int[Tensor, "M"], *, l2: float, share: float
) -> tuple[Float64[Tensor, ""], Float64[Tensor, ""]]:
    """Accuracy of the linear classifier on held-out rows and that of the commonest class, in [0, 1]; higher is better.

    A random `share` of the rows is fitted on, as is their scaling to deviation 1; the others are judged. NaN where
    either part is empty.
    """
    x = x.double()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(SEED))
    fitted, held = order.tensor_split([round(share * len(x))])
    if not len(fitted) or not len(held):
        return x.new_tensor(torch.nan), x.new_tensor(torch.nan)
    deviation = x[fitted].std(0, correction=0)
    x = x / torch.where(deviation > 0, deviation, 1)
    weights = class_weights(x[fitted], labels[fitted], l2)
    said = torch.cat([(b @ weights[:-1] + weights[-1]).argmax(1) for b in blocks(x[held], weights.shape[1])])
    commonest = torch.bincount(labels[fitted]).argmax()
    return (said == labels[held]).double().mean(), (commonest == labels[held]).double().mean()


@final
class Probes(Diagnostic):
    """`probe_items`: first category from a trained item's vector; `probe_users`: that of a row's first target.

    Beside each `..._majority`, what naming the commonest category gives. Categories are the catalogue's, so targets
    without training events count too.

    Args:
        corpus, data, every: see `Diagnostic`.
        l2: penalty, as a share of the variance of a feature.
        share: of the vectors to fit on.
        sample: vectors drawn of each kind at most.
    """

    needs = frozenset({"attributes"})
    undefined = "too few vectors have a category to fit on some and judge the others"

    def __init__(
        self,
        corpus: Corpus,
        data: Mapping[str, str],
        *,
        l2: float = 0.01,
        share: float = 0.8,
        sample: int = 50_000,
        every: int | None = None,
    ):
        super().__init__(corpus, data, every=every)
        require(l2 > 0, f"diagnostic probes: l2={l2} must be above 0")
        require(0 < share < 1, f"diagnostic probes: share={share} must be above 0 and below 1")
        require(sample > 1, f"diagnostic probes: sample={sample} must be at least 2")
        self.l2 = l2
        self.share = share
        self.sample = sample

    def __call__(self, seen: Seen) -> Found:
        numbers: dict[str, Tensor] = {}
        for name, (x, labels) in {"items": labelled(seen), "users": asking(seen)}.items():
            rows = drawn(len(x), self.sample)
            found = probe(x[rows], labels[rows], l2=self.l2, share=self.share)
            numbers |= dict(zip((f"probe_{name}", f"probe_{name}_majority"), found, strict=True))
        return Found(numbers)


def asking(seen: Seen) -> tuple[Float[Tensor, "L D"], Int[Tensor, "L"]]:
    """The users' vectors whose first target has a category, and that category."""
    assert seen.corpus.attributes is not None  # `needs` says so
    some = seen.target.lengths > 0
    first = seen.target.values[seen.target.offsets[:-1][some]]
    labels = seen.corpus.attributes.labels()[first]
    return seen.users[some][labels > 0], labels[labels > 0]
