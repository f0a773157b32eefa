"""The rows of a split as Lightning's loaders: in-memory indexing, no worker processes, one plan for all ranks."""

from collections.abc import Iterator, Sequence
from typing import Literal

import pytorch_lightning as pl
import torch
from jaxtyping import Int
from torch import Tensor

from ssrec.batch import Batch, Ragged
from ssrec.data.prior import lengthened
from ssrec.data.rows import Kind, Sampling, held_batch, make_rows, plan
from ssrec.data.split import Held, Splits

SCORES = 1 << 24  # scores held at once in an evaluation batch, so that the size of the catalogue does not decide memory


class _Batches:
    """A share of a plan, cut into batches when they are asked for."""

    def __init__(self, batches: Sequence[Int[Tensor, "B"]], cut):
        self.batches = batches
        self.cut = cut

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        return map(self.cut, self.batches)


class DataModule(pl.LightningDataModule):
    """Training rows by plan, held-out rows in order.

    Args:
        splits: what a `Split` returned.
        seed: of the order of rows; epoch e has the same plan on every rank and after a resumption.
        prior: items that all rows of user u read before her first event, in row u; None: none.
        rows: the kind of training rows.
        max_length: events that a row may read.
        batching: `length` (rows of similar length, a budget of tokens) or `mixed` (random rows).
        batch_size: rows of a training batch over all processes; with `length`, on average.
        sampling: what an epoch consists of, see `plan`; None: every row once.
    """

    def __init__(
        self,
        splits: Splits,
        seed: int,
        prior: Ragged | None = None,
        *,
        rows: Kind,
        max_length: int,
        batching: Literal["length", "mixed"],
        batch_size: int,
        sampling: Sampling | None = None,
    ):
        super().__init__()
        self.splits = splits
        self.prior = prior
        self.rows = make_rows(splits.corpus if prior is None else lengthened(splits.corpus, prior), rows, max_length)
        self.max_length = max_length
        self.batching: Literal["length", "mixed"] = batching
        self.batch_size = batch_size
        self.sampling: Sampling | None = sampling
        self.seed = seed

    @property
    def _share(self) -> slice:
        """Which of a global batch's rows are this process's."""
        trainer = self.trainer
        return slice(trainer.global_rank, None, trainer.world_size) if trainer else slice(None)

    def train_dataloader(self) -> _Batches:
        """The plan of the trainer's current epoch; each global batch is split across processes."""
        epoch = self.trainer.current_epoch if self.trainer else 0
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        share, targets = self._share, self.rows.targets
        return _Batches(
            plan(self.rows, self.batching, self.batch_size, generator, self.sampling),
            lambda rows: self.rows.batch(rows[share], int(targets[rows].sum())),
        )

    def _held(self, held: Held) -> _Batches:
        # Strided shares without padding: no row is evaluated twice, and metrics add up exactly.
        rows = held.asked.nonzero().flatten()[self._share]
        size = max(1, min(512, SCORES // self.splits.corpus.item_rows))
        return _Batches(rows.split(size), lambda r: held_batch(held, r, self.max_length, self.prior))

    def val_dataloader(self) -> _Batches:
        return self._held(self.splits.val)

    def test_dataloader(self) -> _Batches:
        return self._held(self.splits.test)
