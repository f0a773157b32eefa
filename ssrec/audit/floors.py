"""What counting scores on the test part, whole and on rows whose target ties with the event before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from ssrec.audit import thresholds as limits
from ssrec.audit.catalogue import FLOORS, OWN_HISTORY, TIED_ROWS_SCORE_HIGHER
from ssrec.audit.chance import sample
from ssrec.audit.section import Bars, Finding, Section, Table
from ssrec.audit.subject import Subject
from ssrec.audit.words import count, percent, score
from ssrec.batch import Batch, Ragged
from ssrec.data.rows import held_batch
from ssrec.metrics.accuracy import NDCG, HitRate
from ssrec.models.history import recency
from ssrec.models.markov import Markov
from ssrec.models.popularity import Popularity
from ssrec.ranking import ranking

AT = 10
CELLS = 1 << 24  # scores held at once
OWN = "own history"


@dataclass(frozen=True)
class Score:
    """Means over `rows` rows, None of none."""

    rows: int
    hit_rate: float | None
    ndcg: float | None
    error: float | None  # standard error of the mean of NDCG


@dataclass(frozen=True)
class Floor:
    name: str
    seen: str  # masked or not
    whole: Score
    tied: Score | None
    untied: Score | None


@final
@dataclass(frozen=True)
class Floors(Section):
    """HR@k and NDCG@k over the whole catalogue, ties last, on `rows` of `of_rows` test rows."""

    k: int
    rows: int
    of_rows: int
    floors: Sequence[Floor]

    title: ClassVar[str] = "Floors on the test part"

    def _named(self, name: str) -> Floor:
        return next(f for f in self.floors if f.name == name)

    def findings(self) -> list[Finding]:
        counted = [f for f in self.floors if f.name != OWN]
        best = max(counted, key=lambda f: f.whole.ndcg or 0.0)
        said = ", ".join(f"{f.name} {score(f.whole.hit_rate)} / {score(f.whole.ndcg)}" for f in self.floors)
        found = [FLOORS("note", f"HR@{self.k} / NDCG@{self.k} without any learning: {said}.")]
        return [*found, *(f for f in (self._own(best), self._tied()) if f)]

    def _own(self, best: Floor) -> Finding | None:
        own, other = self._named(OWN).whole.hit_rate or 0.0, best.whole.hit_rate or 0.0
        if own < limits.OWN_HISTORY_NOTE:
            return None
        return OWN_HISTORY(
            "warning" if own >= other else "note",
            f"Listing a row's own past, latest first, has HR@{self.k} {score(own)} with nothing masked; {best.name} "
            f"has {score(other)} with the past masked.",
        )

    def _tied(self) -> Finding | None:
        f = self._named("markov")
        a, b = f.tied, f.untied
        if a is None or b is None or a.ndcg is None or b.ndcg is None or not a.error or b.error is None:
            return None
        z = (a.ndcg - b.ndcg) / (a.error**2 + b.error**2) ** 0.5
        if z < limits.Z or a.ndcg < limits.TIED_SCORE_RATIO * b.ndcg:
            return None
        return TIED_ROWS_SCORE_HIGHER(
            "warning",
            f"Markov has NDCG@{self.k} {score(a.ndcg)} on the {count(a.rows)} rows whose target ties with the event "
            f"before it and {score(b.ndcg)} on the {count(b.rows)} others (z {z:.0f}).",
        )

    def table(self) -> Table:
        whole = ["", "seen", f"HR@{self.k}", f"NDCG@{self.k}"]
        split = any(f.tied for f in self.floors)
        apart = [f"tied HR@{self.k}", f"tied NDCG@{self.k}", f"untied HR@{self.k}", f"untied NDCG@{self.k}"]
        rows = []
        for f in self.floors:
            scores = [s for s in (f.whole, f.tied, f.untied) if s]
            rows.append([f.name, f.seen, *(score(v) for s in scores for v in (s.hit_rate, s.ndcg))])
        first = self.floors[0]
        note = f"{count(self.rows)} rows"
        if self.rows < self.of_rows:
            note += f", a sample of {count(self.of_rows)} ({percent(self.rows, self.of_rows)}, seed {limits.SEED})"
        if first.tied and first.untied:
            note += f"; {count(first.tied.rows)} tied, {count(first.untied.rows)} untied"
        return Table([*whole, *(apart if split else [])], rows, f"{note}; full catalogue, ties last, cold targets kept")

    def figures(self) -> list[Bars]:
        def series(of: Callable[[Floor], Score | None]) -> list[float]:
            return [(s.ndcg or 0.0) if (s := of(f)) else 0.0 for f in self.floors]

        kinds = {"all": series(lambda f: f.whole)}
        if any(f.tied for f in self.floors):
            kinds |= {"tied": series(lambda f: f.tied), "untied": series(lambda f: f.untied)}
        return [Bars(f"NDCG@{self.k} of floors", [f.name for f in self.floors], kinds)]


def floors(subject: Subject, most: int = limits.SAMPLE) -> Floors:
    """Rank at most `most` test rows by popularity and Markov, the past masked, and by own history, nothing masked."""
    corpus, test = subject.splits.corpus, subject.splits.test
    k = min(AT, corpus.n_items)
    per_row = corpus.item_rows * (1 + len(test.target.values) // len(test))  # computed once, compared for each target
    rows = sample(len(test), min(most, max(1, limits.SCORES // per_row)), limits.SEED)
    ways: dict[str, tuple[Callable[[Batch], Tensor], bool]] = {
        "popularity": (Popularity(corpus).score, True),
        "markov": (Markov(corpus).score, True),
        OWN: (lambda batch: recency(seen_of(batch), corpus.item_rows), False),
    }
    metrics = HitRate(corpus, ks=[k]), NDCG(corpus, ks=[k])
    measured: dict[str, list[Tensor]] = {name: [] for name in ways}
    for part in rows.split(max(1, min(512, CELLS // corpus.item_rows))):
        batch = held_batch(test, part, max_length=1)
        for name, (scored, masked) in ways.items():
            r = ranking(scored(batch), batch, 0, mask_seen=masked)
            measured[name].append(torch.stack([metric.values(r, k)[0] for metric in metrics]))
    tied = None if subject.tied_rows is None else subject.tied_rows[rows]
    made = [
        _floor(name, "masked" if masked else "not masked", torch.cat(measured[name], dim=1), tied)
        for name, (_, masked) in ways.items()
    ]
    return Floors(k, len(rows), len(test), made)


def seen_of(batch: Batch) -> Ragged:
    """The full past of evaluation rows, which always carry it."""
    assert batch.seen is not None
    return batch.seen


def _floor(name: str, seen: str, values: Float64[Tensor, "2 R"], tied: Bool[Tensor, "R"] | None) -> Floor:
    apart = (None, None) if tied is None else (_score(values[:, tied]), _score(values[:, ~tied]))
    return Floor(name, seen, _score(values), *apart)


def _score(values: Float64[Tensor, "2 R"]) -> Score:
    n = values.shape[1]
    if not n:
        return Score(0, None, None, None)
    hit_rate, ndcg = values.mean(1).tolist()
    return Score(n, hit_rate, ndcg, float(values[1].std(correction=0)) / n**0.5)
