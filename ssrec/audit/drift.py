"""How far the popularity of items in test is from that in training, against what chance alone gives."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from ssrec.audit import thresholds as limits
from ssrec.audit.catalogue import CONCENTRATED_TARGETS, POPULARITY_DRIFT
from ssrec.audit.section import Finding, Lines, Section, Table
from ssrec.audit.subject import Subject
from ssrec.audit.words import count, percent
from ssrec.data.split import TEST, TRAIN

TOPS = {"1 %": 0.01, "10 %": 0.1}
POINTS = 50


@final
@dataclass(frozen=True)
class Drift(Section):
    """`distance` is Jensen-Shannon's between the shares of items in training and test (0 equal, 1 disjoint), `rank`
    Spearman's correlation over the catalogue; `*_by_chance` the same with each user's test events drawn at random
    from her training and test events, for a sparse test part is far from anything.

    `test_on_top` and `train_on_top` are the shares of events on the most popular 1 % and 10 % of the catalogue by
    training events; `curves` those shares over the whole catalogue.
    """

    items: int
    distance: float
    distance_by_chance: float
    rank: float
    rank_by_chance: float
    test_on_top: Mapping[str, float]
    train_on_top: Mapping[str, float]
    curves: Mapping[str, list[float]]

    title: ClassVar[str] = "Popularity in training and test"

    def findings(self) -> list[Finding]:
        found = []
        if self.distance - self.distance_by_chance >= limits.DRIFT_WARNING:
            sentence = (
                f"Items' shares in training and test are {self.distance:.3f} apart (Jensen-Shannon distance), where "
                f"random test events of the same users are {self.distance_by_chance:.3f}; rank correlation "
                f"{self.rank:.2f} against {self.rank_by_chance:.2f}."
            )
            found.append(POPULARITY_DRIFT("warning", sentence))
        top = self.test_on_top["1 %"]
        if top >= limits.CONCENTRATION_WARNING:
            which = "test targets are among the 1 % most popular items of training"
            found.append(CONCENTRATED_TARGETS("warning", f"{percent(top)} of the {which}."))
        return found

    def table(self) -> Table:
        rows = [
            ["Jensen-Shannon distance", f"{self.distance:.3f}", f"{self.distance_by_chance:.3f}"],
            ["rank correlation", f"{self.rank:.3f}", f"{self.rank_by_chance:.3f}"],
        ]
        rows += [
            [f"test targets on the top {name} of {count(self.items)} items", percent(self.test_on_top[name]), ""]
            for name in TOPS
        ]
        rows += [[f"training events on the top {name}", percent(self.train_on_top[name]), ""] for name in TOPS]
        note = "by chance: each user's test events drawn from her training and test events"
        return Table(["", "measured", "by chance"], rows, note)

    def figures(self) -> list[Lines]:
        x = [i / POINTS for i in range(POINTS + 1)]
        title = "Share of events on the most popular items by training"
        return [Lines(title, x, self.curves, ("none of the catalogue", "all"))]


def drift(subject: Subject) -> Drift:
    """Compare counts of items."""
    train, test = (_counts(subject, subject.part == part) for part in (TRAIN, TEST))
    drawn = drawn_test(subject)
    either = (subject.part == TRAIN) | (subject.part == TEST)
    random_train, random_test = _counts(subject, either & ~drawn), _counts(subject, drawn)
    order = train.argsort(descending=True, stable=True)
    curves = {name: _curve(n[order]) for name, n in (("training", train), ("test", test))}
    on_top = {
        which: {name: _on_top(n[order], part) for name, part in TOPS.items()}
        for which, n in (("train", train), ("test", test))
    }
    return Drift(
        items=len(train),
        distance=distance(train, test),
        distance_by_chance=distance(random_train, random_test),
        rank=spearman(train, test),
        rank_by_chance=spearman(random_train, random_test),
        test_on_top=on_top["test"],
        train_on_top=on_top["train"],
        curves=curves,
    )


def drawn_test(subject: Subject) -> Bool[Tensor, "E"]:
    """As many events of each user as she has in test, drawn from her training and test events."""
    events = ((subject.part == TRAIN) | (subject.part == TEST)).nonzero().flatten()
    user = subject.user[events]
    key = user + torch.rand(len(user), dtype=torch.double, generator=Generator().manual_seed(limits.SEED))
    shuffled = key.argsort()  # users in order, the events of each in a random one
    n_test = torch.bincount(user[subject.part[events] == TEST], minlength=subject.user_rows)
    lengths = torch.bincount(user, minlength=subject.user_rows)
    nth = torch.arange(len(user)) - (lengths.cumsum(0) - lengths)[user]  # the same for `user` sorted, as it is
    return torch.zeros(len(subject.user), dtype=torch.bool).index_fill(0, events[shuffled[nth < n_test[user]]], True)


def distance(p: Int[Tensor, "N"], q: Int[Tensor, "N"]) -> float:
    """The square root of the Jensen-Shannon divergence in bits (Endres and Schindelin, IEEE Trans. IT 2003)."""
    a, b = p.double() / p.sum(), q.double() / q.sum()
    middle = (a + b) / 2

    def divergence(share: Float[Tensor, "N"]) -> Tensor:
        return torch.where(share > 0, share * (share / middle).log2(), 0).nan_to_num().sum()

    return math.sqrt(max(0.0, float(divergence(a) + divergence(b)) / 2))


def spearman(x: Int[Tensor, "N"], y: Int[Tensor, "N"]) -> float:
    """Rank correlation, equal values at the mean of their ranks; 0 where one of them is constant."""
    if min(x.unique().numel(), y.unique().numel()) < 2:
        return 0.0
    return float(torch.corrcoef(torch.stack([_mean_ranks(x), _mean_ranks(y)]))[0, 1])


def _mean_ranks(values: Int[Tensor, "N"]) -> Float[Tensor, "N"]:
    _, group, size = values.unique(return_inverse=True, return_counts=True)
    return (size.cumsum(0).double() - (size.double() - 1) / 2)[group]


def _counts(subject: Subject, marked: Bool[Tensor, "E"]) -> Int[Tensor, "N"]:
    return torch.bincount(subject.item[marked], minlength=subject.item_rows)[1:]


def _curve(n: Int[Tensor, "N"]) -> list[float]:
    total = torch.cat([n.new_zeros(1), n.cumsum(0)])
    at = (torch.arange(POINTS + 1) * len(n) / POINTS).long()
    return [round(v, 4) for v in (total[at].double() / total[-1]).tolist()]


def _on_top(n: Int[Tensor, "N"], part: float) -> float:
    return float(n[: math.ceil(part * len(n))].sum()) / float(n.sum())
