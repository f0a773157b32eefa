"""The row itself, under another dropout of the pass (unsupervised DuoRec: Qiu et al., WSDM 2022)."""

from typing import final

from ssrec.batch import Batch, Corpus
from ssrec.views.view import View


@final
class Dropout(View):
    """Leaves rows as they are, for an encoder whose passes draw their own dropout."""

    draws = False

    def __init__(self, corpus: Corpus):
        super().__init__()

    def forward(self, batch: Batch) -> Batch:
        return batch
