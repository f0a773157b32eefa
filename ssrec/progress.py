"""One progress bar a run."""

import sys
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm


class Progress(pl.Callback):
    """Batches of the whole training, with the loss and the monitored metric; it only observes."""

    def __init__(self, label: str, monitor: str):
        self.label = label
        self.monitor = monitor
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            total = int(trainer.num_training_batches) * (trainer.max_epochs or 1)
            # A log file gets a line every few seconds, a terminal a smooth bar.
            every = 0.2 if sys.stderr.isatty() else 5.0
            done = trainer.fit_loop.epoch_loop.total_batch_idx + 1  # before it was killed
            self.bar = tqdm(total=total, initial=done, desc=self.label, unit="step", mininterval=every, leave=True)

    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.update()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.bar is not None:
            seen = trainer.callback_metrics
            shown = {"loss": seen.get("train/loss"), self.monitor: seen.get(self.monitor)}
            self.bar.set_postfix({k: f"{float(v):.4f}" for k, v in shown.items() if v is not None}, refresh=False)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.on_train_end(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
