"""Lightning's trainer for a run: hardware, checkpoints, selection on `val/`, resumption."""

import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from ssrec.data.module import DataModule
from ssrec.errors import CompositionError
from ssrec.learner import Learner
from ssrec.progress import Progress

for noisy in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
    logging.getLogger(noisy).setLevel(logging.WARNING)  # its advice is about worker processes and devices
warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)  # between Lightning 2.6 and torch 2.13, not for users

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")  # parameters, sums and scores stay in fp32
STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")  # every process has the whole model


def processes(*, accelerator: str, devices: int | str | list[int], strategy: str, precision: str | int) -> int:
    """How many processes are to be started for a run on such hardware; 0 where this one does.

    Raises:
        CompositionError: this machine has not what `hardware` asks for.
    """
    hardware = {"accelerator": accelerator, "devices": devices, "strategy": strategy, "precision": precision}
    for setting, choices in (("precision", PRECISIONS), ("strategy", STRATEGIES)):
        if hardware[setting] not in choices:
            raise CompositionError(f"hardware.{setting} is {hardware[setting]}; it takes {', '.join(choices)}")
    try:
        with warnings.catch_warnings(action="ignore"):
            trainer = pl.Trainer(**hardware, logger=False, enable_checkpointing=False, enable_progress_bar=False)
    except (MisconfigurationException, ValueError, ImportError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".!")
        asked = f"accelerator {accelerator} and devices {devices}"
        raise CompositionError(f"hardware asks for {asked}: {reason}; hardware=cpu runs on any machine") from None
    if trainer.precision != precision:  # half precision without a GPU
        raise CompositionError(
            f"hardware.precision={precision} does not run on this machine; say hardware.precision={trainer.precision}"
        )
    return trainer.num_devices if trainer.strategy.launcher is not None else 0


def check_limits(data: DataModule, settings: Mapping[str, Any], parts: Sequence[str]) -> None:
    """Refuse a share of batches that rounds to none, before anything is trained.

    Raises:
        CompositionError: names the setting and how many batches there are.
    """
    loaders = {"train": data.train_dataloader, "val": data.val_dataloader, "test": data.test_dataloader}
    for part in parts:
        share = settings.get(f"limit_{part}_batches")
        if isinstance(share, float) and int(share * (n := len(loaders[part]()))) < 1:
            raise CompositionError(
                f"trainer.limit_{part}_batches={share} leaves none of {n} batches; it takes at least 1/{n}"
            )


def make_trainer(
    folder: Path,
    logger: Logger,
    label: str,
    monitor: str,
    select: str,
    hardware: dict[str, Any],
    callbacks: Sequence[Callback] = (),
    *,
    max_epochs: int,
    patience: int | None = None,
    val_every: int | None = None,
    gradient_clip_val: float | None = None,
    limit_train_batches: int | float | None = None,
    limit_val_batches: int | float | None = None,
    limit_test_batches: int | float | None = None,
) -> pl.Trainer:
    """A trainer that writes its last checkpoint every epoch and, with `select=best`, the best by `monitor`.

    `callbacks` come before its own. `patience` counts epochs, whatever the epochs between validations, `val_every`.
    Where that is not said, every epoch has one, or only the last where neither `select` nor `patience` reads it.
    """
    watched = select == "best" or patience is not None
    every = max(1, min(val_every or (1 if watched else max_epochs), max_epochs))
    last = ModelCheckpoint(
        folder / "checkpoints", filename="last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    own: list[Callback] = [Progress(label, monitor), last]
    if patience is not None:
        own.append(EarlyStopping(monitor, patience=-(-patience // every), mode="max", check_on_train_epoch_end=False))
    if select == "best":
        own.append(
            ModelCheckpoint(
                folder / "checkpoints",
                "best",
                monitor,
                mode="max",
                save_weights_only=True,
                save_on_train_epoch_end=False,  # after validation, so that `last`, written later, knows the best so far
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
        check_val_every_n_epoch=every,
        callbacks=[*callbacks, *own],
        logger=logger,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        log_every_n_steps=1,  # what is logged is logged once an epoch
        use_distributed_sampler=False,  # the data module splits batches itself, without padding
        reload_dataloaders_every_n_epochs=1,  # a plan belongs to an epoch
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def fit(
    trainer: pl.Trainer, learner: Learner, data: DataModule, folder: Path, *, label: str, select: str
) -> dict[str, Any]:
    """Train, or what is left of it where a killed run left a checkpoint, and load the selected weights.

    Returns epochs, steps and targets seen, of the whole run, and with `select=best` the epoch that was selected.
    """
    last, best = folder / "checkpoints" / "last.ckpt", folder / "checkpoints" / "best.ckpt"
    left = _left([last, best] if select == "best" else [last], label)
    if left is None or not _finished(left, trainer):
        if left is not None:
            _say(f"{label}: resumes at epoch {left['epoch'] + 2} of at most {trainer.max_epochs}")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Checkpoint directory .* exists")  # on purpose: the run is resumed
            trainer.fit(learner, data, ckpt_path=None if left is None else last, weights_only=False)
        left = _read(last)
    done = {
        "epochs": left["epoch"] + 1,
        "steps": left["global_step"],
        "targets_seen": int(left["state_dict"]["targets_seen"]),
    }
    if select == "best":
        left = _read(best)
        done["best_epoch"] = left["epoch"] + 1
    learner.load_state_dict(left["state_dict"])
    return done


def _read(checkpoint: Path) -> dict[str, Any]:
    return torch.load(checkpoint, map_location="cpu", weights_only=False)


def _left(checkpoints: list[Path], label: str) -> dict[str, Any] | None:
    """The last checkpoint of a killed run, which comes first, if all of them can be read."""
    if not checkpoints[0].exists():
        return None
    try:
        last, *_ = [_read(file) for file in checkpoints]
        return last
    except Exception as error:  # whatever half a file makes torch raise
        _say(f"{label}: a checkpoint in {checkpoints[0].parent} is broken ({type(error).__name__}); it starts anew")
        return None


def _finished(left: dict[str, Any], trainer: pl.Trainer) -> bool:
    """Whether a checkpoint is that of the last epoch: all were trained, or training was stopped early."""
    stopped = any(state.get("stopped_epoch") for state in left["callbacks"].values())
    return stopped or left["epoch"] + 1 >= (trainer.max_epochs or 0)


@rank_zero_only
def _say(line: str) -> None:
    print(line, file=sys.stderr)
