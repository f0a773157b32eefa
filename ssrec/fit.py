"""Lightning's trainer for a run: checkpoints, selection on `val/`, resumption."""

import logging
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import Logger

from ssrec.data.module import DataModule
from ssrec.learner import Learner
from ssrec.progress import Progress

for noisy in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
    logging.getLogger(noisy).setLevel(logging.WARNING)  # its advice is about worker processes and devices
warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)  # between Lightning 2.6 and torch 2.13, not for users


def make_trainer(
    folder: Path,
    logger: Logger,
    *,
    label: str,
    monitor: str,
    select: str,
    hardware: dict[str, Any],
    max_epochs: int,
    patience: int | None = None,
    gradient_clip_val: float | None = None,
    limit_train_batches: int | float | None = None,
    limit_val_batches: int | float | None = None,
    limit_test_batches: int | float | None = None,
) -> pl.Trainer:
    """A trainer that writes its last checkpoint every epoch and, with `select=best`, the best by `monitor`."""
    last = ModelCheckpoint(
        folder / "checkpoints", filename="last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    callbacks: list[Callback] = [Progress(label, monitor), last]
    watched = select == "best" or patience is not None
    if patience is not None:
        callbacks.append(EarlyStopping(monitor, patience=patience, mode="max", check_on_train_epoch_end=False))
    if select == "best":
        callbacks.append(
            ModelCheckpoint(
                folder / "checkpoints",
                "best",
                monitor,
                mode="max",
                save_weights_only=True,
                enable_version_counter=False,
            )
        )
    return pl.Trainer(
        **hardware,
        max_epochs=max_epochs,
        gradient_clip_val=gradient_clip_val,
        limit_train_batches=limit_train_batches,
        limit_val_batches=limit_val_batches,
        limit_test_batches=limit_test_batches,
        check_val_every_n_epoch=1 if watched else max(max_epochs, 1),
        callbacks=callbacks,
        logger=logger,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        log_every_n_steps=1,  # what is logged is logged once an epoch
        use_distributed_sampler=False,  # the data module splits batches itself, without padding
        reload_dataloaders_every_n_epochs=1,  # a plan belongs to an epoch
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def fit(trainer: pl.Trainer, learner: Learner, data: DataModule, folder: Path, select: str) -> dict[str, Any]:
    """Train, resuming where a killed run left its checkpoint, and load the selected weights; returns what happened."""
    last, best = folder / "checkpoints" / "last.ckpt", folder / "checkpoints" / "best.ckpt"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists")  # on purpose: the run is resumed
        trainer.fit(learner, data, ckpt_path=last if last.exists() else None, weights_only=False)
    done = {"epochs": trainer.current_epoch, "steps": trainer.global_step, "targets_seen": int(learner.targets_seen)}
    if select == "best":
        kept = torch.load(best, map_location="cpu", weights_only=False)
        learner.load_state_dict(kept["state_dict"])
        done["best_epoch"] = kept["epoch"] + 1
    return done
