"""How different the texts (titles, descriptions) of one list's items are from each other.

The intra-list distance of `diversity`, the mean of 1 - cosine over pairs, between the sets of words of texts. All words
weigh alike, so common ones bring long texts closer; vectors of a text encoder are read by `FeatureDiversity`.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, final

import torch
from torch import Tensor

from ssrec.batch import Attributes, Corpus, Ragged, Text
from ssrec.errors import CompositionError
from ssrec.metrics.diversity import mean_distance
from ssrec.metrics.metric import RowMean, top_list
from ssrec.metrics.names import Names
from ssrec.ranking import Ranking

WORD = re.compile(r"\w+")


@final
class TextDiversity(RowMean):
    """Diversity over the words of the items' texts, in [0, 1]; higher is more diverse.

    Words are runs of letters and digits, whatever their case; items without any are left out. Results are called by the
    feature: `diversity_title@K`.

    Args:
        feature: the column of texts that is read.

    Raises:
        CompositionError: the items have no such texts.
    """

    name = "diversity"
    needs_named: ClassVar[tuple[str, ...]] = ("feature",)
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, feature: str, ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        known = {name: f for name, f in corpus.item_features.items() if isinstance(f, Text)}
        if feature not in known:
            has = ", ".join(known) or "none"
            raise CompositionError(
                f"metric diversity: {feature} is no column of texts of the items; those of the dataset: {has}"
            )
        self.feature = feature
        self.words = Names(words_of(known[feature]))

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(f"diversity_{self.feature}@{k}" for k in self.ks)

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        items = top_list(r, k)
        found = self.words.table.select(items.flatten())
        weights = found.lengths.double().rsqrt().repeat_interleave(found.lengths, output_size=len(found.values))
        # Vocabularies are large, so only the words that a list has get a cell.
        cells, cell = torch.unique((found.rows // k) * self.words.n + found.values, return_inverse=True)
        squares = weights.new_zeros(len(cells)).index_add_(0, cell, weights).square()
        norms = weights.new_zeros(len(items)).index_add_(0, cells // max(self.words.n, 1), squares)
        return mean_distance(norms, (found.lengths > 0).view(items.shape).sum(1))


def words_of(texts: Text) -> Attributes:
    """The words of each text as names."""
    rows = [WORD.findall(text.casefold()) for text in texts.texts]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(word for row in rows for word in row))}
    ids = torch.tensor([vocabulary[word] for row in rows for word in row], dtype=torch.long)
    offsets = torch.tensor([0, *map(len, rows)]).cumsum(0)
    return Attributes(Ragged(ids, offsets), tuple(vocabulary))
