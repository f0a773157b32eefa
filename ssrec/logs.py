"""The logger of a run: its own, closed at its end, so that the next run has another."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger, WandbLogger
from pytorch_lightning.loggers.logger import DummyLogger

from ssrec.compose import instantiate


def nothing(*, save_dir: str, name: str) -> Logger:
    """A logger that writes nothing."""
    return DummyLogger()


@contextmanager
def opened(node: DictConfig, folder: Path, label: str) -> Iterator[Logger]:
    """The logger that a node makes, writing into a run's folder; it has the run's label where the node names it not.

    W&B keeps a run open until it is told otherwise, and would log the next run of a sweep into it, also after a
    failure.
    """
    named = {} if "name" in node else {"name": label}
    logger: Logger = instantiate(node)(save_dir=str(folder), **named)
    if isinstance(logger, WandbLogger):  # its caches would go to the home directory; it reads this once a process
        for cache in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
            os.environ.setdefault(cache, str(folder.parent / ".wandb"))
    failed = True
    try:
        yield logger
        failed = False
    finally:
        logger.finalize("failed" if failed else "success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish(exit_code=int(failed))


def log_picture(logger: Logger, key: str, file: Path) -> None:
    """A picture, where the logger has pictures."""
    if isinstance(logger, WandbLogger):
        logger.log_image(key, [str(file)])


def log_table(logger: Logger, measured: Mapping[str, float]) -> None:
    """The final table, where the logger has tables."""
    if isinstance(logger, WandbLogger):
        logger.log_table("result", columns=["metric", "value"], data=[[k, v] for k, v in sorted(measured.items())])
