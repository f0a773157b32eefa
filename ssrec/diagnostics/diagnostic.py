"""What observes representations: `Seen -> Found`, at test, and every so many epochs at validation where asked for."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.data.rows import Rows
from ssrec.diagnostics.pictures import Picture
from ssrec.nn import require
from ssrec.views.view import View


@dataclass(frozen=True)
class Seen:
    """What a pass over evaluation rows shows of a model that ranks by `users @ items.T`, on the CPU.

    `items` holds the vectors of the trained items, whose ids are `ids`; `users` a vector for each evaluation row, whose
    targets are `target`. `rows` are the training rows, `views` those that objectives draw, by term and name.
    `also` is what the diagnostic itself asked for of each evaluation row.
    """

    corpus: Corpus
    items: Float[Tensor, "M D"]
    ids: Int[Tensor, "M"]
    users: Float[Tensor, "R D"]
    target: Ragged
    rows: Rows | None = None
    views: Mapping[str, Mapping[str, View]] = field(default_factory=dict)
    also: Float[Tensor, "R E"] | None = None

    @property
    def sides(self) -> dict[str, Float[Tensor, "_ D"]]:
        """Both kinds of vectors, by the name that numbers have them under."""
        return {"items": self.items, "users": self.users}

    @property
    def places(self) -> Int[Tensor, "N"]:
        """Where the vector of each item row stands in `items`; -1 for what is not trained."""
        places = self.ids.new_full((self.corpus.item_rows,), -1)
        places[self.ids] = self.ids.new_tensor(range(len(self.ids)))
        return places


@dataclass(frozen=True)
class Found:
    """Numbers, pictures and sentences about what makes a result doubtful, each by its name.

    A number that is NaN is not defined, and not reported; that it is missing is said among the warnings.
    """

    numbers: Mapping[str, float | Tensor]
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    warnings: Mapping[str, str] = field(default_factory=dict)


class Diagnostic(ABC):
    """A question to the representations of a model; it only observes, and draws from generators of its own.

    Args:
        corpus: the training split.
        data: what a result stores of dataset and split.
        every: epochs from one validation at which it is asked to the next; None for the test alone.

    Raises:
        CompositionError: a setting outside its range.
    """

    needs: ClassVar[frozenset[str]] = frozenset()  # item features that the dataset must have
    undefined: ClassVar[str] = "it is not defined for these vectors"  # why a number is NaN, for people

    def __init__(self, corpus: Corpus, data: Mapping[str, str], *, every: int | None = None):
        require(every is None or every > 0, f"{type(self).__name__}: every={every} epochs must be at least 1")
        self.every = every

    @abstractmethod
    def __call__(self, seen: Seen) -> Found:
        """The answer; names come without the stage."""

    def also(self, batch: Batch) -> Float[Tensor, "B E"] | None:
        """A further vector of each row of an evaluation batch, where it needs one: it comes back as `Seen.also`."""
        return None
