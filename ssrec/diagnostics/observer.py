"""The callback that shows evaluation to the diagnostics: it reads what the loop hands out, and never touches it."""

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from ssrec import logs
from ssrec.batch import Batch, Corpus, Ragged
from ssrec.data.rows import Rows
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.gathering import Gathering, from_first
from ssrec.diagnostics.png import MISSING, save
from ssrec.diagnostics.views import drawn_by
from ssrec.encodings.encoding import Encoding
from ssrec.learner import Term

OWN = ""  # the name under which the model's own vectors are gathered; no diagnostic has it
Answer = tuple[dict[str, float], dict[str, str]]  # numbers, warnings


class Observer(Callback):
    """Asks diagnostics at test, and at validation those that want to be; logs their numbers and pictures.

    Numbers are logged as `<stage>/<name>`. Pictures go to `diagnostics/<stage>_<name>.png` in the run's folder, where a
    later one of a stage takes the place of an earlier one, and to W&B where that is the logger. A model without vectors
    is not asked, which is said once.

    Args:
        diagnostics: by name.
        corpus: the training split.
        rows: the training rows.
        terms: the objectives, for the views that they draw.
    """

    def __init__(self, diagnostics: Mapping[str, Diagnostic], corpus: Corpus, rows: Rows, terms: Mapping[str, Term]):
        self.diagnostics = dict(diagnostics)
        self.corpus = corpus
        self.rows = rows
        self.views = drawn_by({name: term.loss for name, term in terms.items()})
        self.ids = corpus.trained.nonzero().flatten()
        self._warnings: dict[str, str] = {}
        self._said: set[str] = set()
        self._begin({})

    def warnings(self) -> dict[str, str]:
        """What the test showed that makes its result doubtful, a sentence by its name; the same on all processes."""
        return dict(self._warnings)

    # ---- what Lightning calls

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        training = trainer.state.fn == TrainerFn.FITTING
        due = {n: d for n, d in self.diagnostics.items() if d.every and not (training and epoch % d.every)}
        self._begin(due)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._begin(self.diagnostics)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._read(outputs["encoding"])

    on_test_batch_end = on_validation_batch_end

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._report("val", trainer, pl_module)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._warnings = self._report("test", trainer, pl_module)

    # ---- what it does

    def _begin(self, due: Mapping[str, Diagnostic]) -> None:
        self._due = dict(due)
        self._gathering = Gathering()
        self._items: Tensor | None = None

    def _read(self, x: Encoding) -> None:
        if not self._due:
            return
        users, items = x.user_vectors(), x.item_vectors()
        if users is None or items is None:
            return
        if self._items is None:
            self._items = items.float().cpu()[self.ids]
        also = {name: diagnostic.also(x.batch) for name, diagnostic in self._due.items()}
        self._gathering.add(x.batch, {OWN: users, **{name: found for name, found in also.items() if found is not None}})

    def _report(self, stage: str, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, str]:
        if not self._due:
            return {}
        vectors, target = self._gathering.result()
        answer: Answer = ({}, {})
        if trainer.is_global_zero:  # which holds the first row, wherever there are any
            answer = self._asked(stage, vectors, target, trainer)
        self._begin({})
        numbers, warnings = from_first(answer)
        for name, value in numbers.items():
            exact = torch.tensor(value, dtype=torch.float64, device=pl_module.device)
            pl_module.log(f"{stage}/{name}", exact, batch_size=1, sync_dist=True)  # equal on all processes
        return warnings

    def _asked(self, stage: str, vectors: Mapping[str, Tensor], target: Ragged, trainer: pl.Trainer) -> Answer:
        if self._items is None:
            self._say("diagnostics: the model has no vectors of users and items, so there is nothing to report")
            return {}, {}
        if not all(x.isfinite().all() for x in (self._items, vectors[OWN])):
            return {}, {"vectors not finite": "some vectors of the model are not finite; diagnostics say nothing of it"}
        seen = Seen(self.corpus, self._items, self.ids, vectors[OWN], target, self.rows, self.views)
        numbers: dict[str, float] = {}
        warnings: dict[str, str] = {}
        for name, diagnostic in self._due.items():
            found = diagnostic(replace(seen, also=vectors.get(name)))
            if not found.numbers:
                self._say(f"diagnostic {name} found nothing to report")
            defined = {key: float(value) for key, value in found.numbers.items() if math.isfinite(value)}
            if missing := ", ".join(key for key in found.numbers if key not in defined):
                warnings[f"{name} incomplete"] = f"diagnostic {name} has no {missing}: {diagnostic.undefined}"
            numbers |= defined
            warnings |= found.warnings
            self._draw(stage, found, trainer)
        return numbers, warnings

    def _draw(self, stage: str, found: Found, trainer: pl.Trainer) -> None:
        for name, picture in found.pictures.items():
            file = Path(trainer.default_root_dir) / "diagnostics" / f"{stage}_{name}.png"
            if not save(picture, file):
                self._say(MISSING)
            elif trainer.logger is not None:
                logs.log_picture(trainer.logger, f"{stage}/{name}", file)

    def _say(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            print(line, file=sys.stderr)
