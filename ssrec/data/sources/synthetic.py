"""A generated world, for demos, tests and questions whose answer must be known.

Users follow a few threads at once, each in one category of a tree. A step stays in the current thread or returns to
another and goes on where that one was left: with a usual follower of the thread's last item, or with something popular
of its category. So the last item says part of what comes next (what a Markov chain sees) and earlier items say the
rest (what only a sequence model sees). Interests drift: threads are dropped for others, near ones in the tree first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, final

import polars as pl
import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from ssrec.data.files.layout import BadRows
from ssrec.data.source import Source, Tables
from ssrec.data.sources.describe import describe
from ssrec.errors import CompositionError

VERSION = 1  # raise it when the same settings give another world
CHUNK = 4096  # users that live at the same time: bounds the memory of what they have met
FOLLOWERS = 3
DAY = 86_400
START = 1_600_000_000


@final
@dataclass(frozen=True, kw_only=True)
class Synthetic(Source):
    """A world of its settings and `seed` alone, the same in every process.

    `departments` x `categories` leaves of the tree share the items; a user meets `min_events` to `max_events`
    different ones. `threads` are followed at once; `stay`, `follow` and `drift` are the probabilities of a step to
    remain in its thread, to take a follower, and to replace a thread. `skew` is Zipf's exponent of popularity.
    """

    users: int = 2000
    items: int = 600
    departments: int = 6
    categories: int = 5
    brands: int = 30
    min_events: int = 12
    max_events: int = 30
    threads: int = 2
    stay: float = 0.25
    follow: float = 0.5
    drift: float = 0.05
    skew: float = 1.0
    seed: int = 0

    name: ClassVar[str] = "synthetic"
    offers: ClassVar[frozenset[str]] = frozenset({"times", "attributes", "title"})

    def __post_init__(self) -> None:
        leaves = self.departments * self.categories
        least = {"users": 1, "departments": 1, "categories": 1, "brands": 1, "min_events": 1, "threads": 1}
        for setting, value in {**least, "items": self.max_events + 1, "skew": 0, "seed": 0}.items():
            if getattr(self, setting) < value:
                raise CompositionError(f"dataset.{setting}={getattr(self, setting)}: at least {value} are needed")
        if self.max_events < self.min_events:
            raise CompositionError(f"dataset.max_events={self.max_events} is less than min_events={self.min_events}")
        if self.items < leaves:
            raise CompositionError(f"dataset.items={self.items}: each of the {leaves} categories needs one")
        for setting in ("stay", "follow", "drift"):
            if not 0 <= getattr(self, setting) <= 1:
                raise CompositionError(f"dataset.{setting}={getattr(self, setting)}: a probability is 0 to 1")

    @property
    def settings(self) -> Mapping[str, object]:
        return {"version": VERSION, **{f.name: getattr(self, f.name) for f in fields(self)}}

    def files(self, raw: Path) -> list[Path]:
        return []

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        generator = Generator().manual_seed(self.seed)
        catalogue = _catalogue(self, generator)
        chunks = torch.arange(self.users).split(CHUNK)
        events = [_live(self, catalogue, users, generator) for users in chunks]
        user, item, time = (torch.cat(column) for column in zip(*events, strict=True))
        interactions = pl.DataFrame({"user": user.numpy(), "item": item.numpy(), "time": time.numpy()})
        return Tables(interactions, describe(catalogue.category, catalogue.brand, per_department=self.categories))


@dataclass(frozen=True)
class Catalogue:
    """Items 0..N-1: category, brand, popularity, the usual followers of each, and each category's items, -1-filled."""

    category: Int[Tensor, "N"]
    brand: Int[Tensor, "N"]
    popularity: Float[Tensor, "N"]
    followers: Int[Tensor, "N F"]
    members: Int[Tensor, "C M"]


def _clocks(shape: Sequence[int], generator: Generator) -> Float[Tensor, "*shape"]:
    """Exponential waiting times of mean 1, in fp64, where a draw of 0 and its infinite wait do not occur."""
    return -torch.rand(*shape, generator=generator, dtype=torch.float64).log()


def _draw(weights: Float[Tensor, "B M"], generator: Generator) -> Int[Tensor, "B"]:
    """One column of each row, in proportion to its weight: the fastest of competing clocks."""
    return (weights / _clocks(weights.shape, generator)).argmax(1)


def _catalogue(world: Synthetic, generator: Generator) -> Catalogue:
    n, leaves = world.items, world.departments * world.categories
    category = torch.arange(n)[torch.randperm(n, generator=generator)] % leaves
    # A brand sells in one department, so that brand and category tell of each other.
    department = category // world.categories
    per_department = -(-world.brands // world.departments)
    brand = department * per_department + torch.randint(per_department, (n,), generator=generator)
    brand %= world.brands
    shuffled = torch.randperm(n, generator=generator)
    order = shuffled[category[shuffled].argsort(stable=True)]  # an item's place in its category is its rank there
    sizes = torch.bincount(category, minlength=leaves)
    place = torch.arange(int(sizes.max()))
    members = torch.full((leaves, len(place)), -1)
    members[place < sizes[:, None]] = order
    rank = place.expand_as(members)[members >= 0][order.argsort()]
    large = (torch.randperm(leaves, generator=generator) + 1.0).double() ** (-world.skew / 2)
    popularity = (rank + 1.0).double() ** -world.skew * large[category]
    others = members[category]
    weights = torch.where(others < 0, 0, popularity[others]) * torch.where(brand[others] == brand[:, None], 4, 1)
    weights[others == torch.arange(n)[:, None]] = 0
    chosen = (weights / _clocks(weights.shape, generator)).topk(min(FOLLOWERS, members.shape[1])).indices
    return Catalogue(category, brand, popularity, others.gather(1, chosen), members)


def _live(
    world: Synthetic, catalogue: Catalogue, users: Int[Tensor, "B"], generator: Generator
) -> tuple[Int[Tensor, "E"], Int[Tensor, "E"], Int[Tensor, "E"]]:
    """All users take a step at a time; returns user, item and time (seconds) of every event."""
    n, k, leaves = len(users), world.threads, len(catalogue.members)
    every = torch.arange(n)

    def chance(p: float) -> Bool[Tensor, "B"]:
        return torch.rand(n, generator=generator) < p

    popular = torch.zeros(leaves, dtype=torch.float64).index_add_(0, catalogue.category, catalogue.popularity)
    thread = torch.stack([_draw(popular.expand(n, -1), generator) for _ in range(k)], dim=1)
    last = torch.full((n, k), -1)  # the item where each thread was left
    current = torch.zeros(n, dtype=torch.long)
    seen = torch.zeros(n, world.items, dtype=torch.bool)
    time = START + torch.randint(365 * DAY, (n,), generator=generator)
    length = torch.randint(world.min_events, world.max_events + 1, (n,), generator=generator)
    items, times = [], []
    for _ in range(world.max_events):
        returns = ~chance(world.stay) if k > 1 else torch.zeros(n, dtype=torch.bool)
        current = torch.where(returns, (current + torch.randint(1, max(k, 2), (n,), generator=generator)) % k, current)
        drifts = chance(world.drift)
        near = thread[every, current] // world.categories * world.categories
        near = near + torch.randint(world.categories, (n,), generator=generator)
        far = _draw(popular.expand(n, -1), generator)
        thread[every, current] = torch.where(drifts, torch.where(chance(0.7), near, far), thread[every, current])
        last[every, current] = torch.where(drifts, -1, last[every, current])
        item = _choose(catalogue, seen, last[every, current], thread[every, current], chance(world.follow), generator)
        seen[every, item] = True
        last[every, current] = item
        time = time + 1 + (_clocks((n,), generator) * torch.where(returns, 3 * DAY, 600)).long()
        items.append(item)
        times.append(time)
    lived = torch.arange(world.max_events) < length[:, None]
    user = users[:, None].expand(-1, world.max_events)
    return user[lived], torch.stack(items, 1)[lived], torch.stack(times, 1)[lived]


def _choose(
    catalogue: Catalogue,
    seen: Bool[Tensor, "B N"],
    last: Int[Tensor, "B"],
    category: Int[Tensor, "B"],
    follows: Bool[Tensor, "B"],
    generator: Generator,
) -> Int[Tensor, "B"]:
    """A new item for each user: a follower, else something of the category, else anything, by popularity."""
    item = torch.full_like(last, -1)
    for options, allowed in (
        (catalogue.members[category], torch.ones_like(follows)),
        (catalogue.followers[last], follows & (last >= 0)),
    ):
        weights = torch.where((options < 0) | seen.gather(1, options.clamp(min=0)), 0, catalogue.popularity[options])
        choice = options.gather(1, _draw(weights, generator)[:, None])[:, 0]
        item = torch.where(allowed & (weights > 0).any(1), choice, item)
    done = item < 0  # who has met the whole category
    item[done] = _draw(torch.where(seen[done], 0, catalogue.popularity), generator)
    return item
