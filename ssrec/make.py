"""One run, in each of its processes: build its parts, train, rank, and write its files."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import save_file

from ssrec import guards, logs, per_user, provenance, runs, top_lists
from ssrec.build import Parts, build, canonical_of
from ssrec.compose import Plain, instantiate
from ssrec.fit import check_limits, fit, make_trainer


def make(
    config: DictConfig,
    content: Plain,
    dataset: str,
    folder: Path,
    label: str,
    init: Path | None,
    selected: Path | None = None,
) -> None:
    """Fill a run's folder; `result.json` comes last and says that the run is finished.

    Args:
        config, content: a checked stage, and the same as plain containers.
        dataset: the digest of its canonical data, which are read from disk: they would not fit through a pipe.
        folder: where its files go; the last part is its fingerprint.
        label: what it is, for people.
        init: folder of the run that it starts from.
        selected: folder of the run whose epochs it repeats on training and validation events, where it is a refit.
    """
    started = time.perf_counter()
    before = runs.read(init) if init else None
    chosen = runs.read(selected) if selected else None
    parts = build(config, content, dataset, init, before)
    ranked = [part for part in ("train", "val", "test") if parts.trained or part != "train"]
    check_limits(parts.data, content["trainer"], [part for part in ranked if not (chosen and part == "val")])
    folder.mkdir(parents=True, exist_ok=True)
    trainer, done, measured = train_and_rank(config, content, parts, folder, label, chosen)
    if not trainer.is_global_zero:
        return
    write_files(config, content, parts, folder)
    warnings = warnings_of(config, parts, done, measured, whole=chosen is None)
    for sentence in warnings.values():
        print(f"{label}: warning: {sentence}", file=sys.stderr)
    if parts.candidates is not None and parts.candidates.warning:  # told when the run was asked for
        warnings["sampled candidates"] = parts.candidates.warning
    result = {
        "fingerprint": folder.name,
        "label": label,
        "config": content,
        "init": before,
        **({"selected": chosen} if chosen else {}),
        "metrics": measured,
        "warnings": warnings,
        "dataset": parts.identity,
        "protocol": provenance.rules(parts.splits, parts.strata, content, parts.candidates),
        **done,
        "targets_seen_with_pretraining": done["targets_seen"] + (before or {}).get("targets_seen_with_pretraining", 0),
        **provenance.ending(started=started, seed=config.seed, processes=trainer.world_size),
    }
    runs.write_json(folder / "result.json", result)


def train_and_rank(
    config: DictConfig, content: Plain, parts: Parts, folder: Path, label: str, chosen: Plain | None
) -> tuple[pl.Trainer, dict[str, Any], dict[str, float]]:
    """The trainer, what was done (epochs, steps, targets seen), and the metrics of validation and test rows."""
    learner, data = parts.learner, parts.data
    select, training = config.select, dict(content["trainer"])
    if chosen is not None:  # there is nothing left to select by
        select, epochs = "last", chosen.get("best_epoch", chosen["epochs"])
        training |= {"max_epochs": epochs, "patience": None, "val_every": None, "limit_val_batches": 0}
    if not learner.automatic_optimization:
        training["gradient_clip_val"] = None  # Lightning clips no steps that a learner makes itself
    settings = {"label": label, "monitor": config.monitor, "select": select, "callbacks": [parts.observer]}
    with logs.opened(config.logger, folder, label) as logger:
        trainer = make_trainer(folder, logger, **settings, hardware=content["hardware"], **training)
        logger.log_hyperparams(content)
        if trainer.is_global_zero:
            (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
        else:  # the same parts everywhere, and then each process its own dropout, views and negatives
            torch.manual_seed(config.seed + 1_000_003 * trainer.global_rank)
        done = {"epochs": 0, "steps": 0, "targets_seen": 0}
        if parts.trained:
            done = fit(trainer, learner, data, folder, label=label, select=select)
        validated = [] if chosen else trainer.validate(learner, data, verbose=False)
        tested = trainer.test(learner, data, verbose=False)
        measured = {name: value for found in (*validated, *tested) for name, value in found.items()}
        logs.log_table(logger, measured)
    return trainer, done, measured


def write_files(config: DictConfig, content: Plain, parts: Parts, folder: Path) -> None:
    """All that a run leaves beside `result.json`: its encoder, metrics by user, and top lists where asked for."""
    learner, held_out = parts.learner, parts.learner.held_out
    after = held_out.tested
    if parts.trained:
        state = {name: value.contiguous() for name, value in learner.encoder.state_dict().items()}
        save_file(state, folder / "encoder.safetensors")
    per_user.write(folder, after.per_user, parts.users, per_user.lower(held_out.metrics["test"].children()))
    if after.top_lists is not None:
        canonical = canonical_of(config, content)
        owners = top_lists.owners(canonical, instantiate(config.split), parts.splits.test)
        top_lists.write(folder, after.top_lists, canonical, owners)


def warnings_of(
    config: DictConfig, parts: Parts, done: Mapping[str, Any], measured: Mapping[str, float], *, whole: bool
) -> dict[str, str]:
    """What the guards say of a run, by their names; `whole`: all validation rows were ranked, unless limited."""
    learner, splits = parts.learner, parts.splits
    limits = config.trainer.limit_val_batches, config.trainer.limit_test_batches
    rows = int(splits.val.asked.sum()), int(splits.test.asked.sum())
    targets = len(splits.val.target.values), len(splits.test.target.values)
    long = config.data.rows in ("window", "prefix")  # the others have no length to be sorted by
    contrasting = [name for name, term in learner.terms.items() if term.loss.contrasts_rows and long]
    return {
        **guards.of_lists(learner.held_out.tested.watched, personal=learner.encoder.personal),
        **guards.of_training(done, patience=config.trainer.patience, val_every=config.trainer.val_every),
        **guards.of_batches(contrasting, config.data.batching),
        **(guards.of_parts(measured, config.monitor, rows, targets) if whole and limits == (None, None) else {}),
        **parts.observer.warnings(),
    }
