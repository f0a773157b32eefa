"""One run, in each of its processes: build its parts, train, rank, and write its files."""

import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl
import torch
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import save_file

from ssrec import guards, logs, per_user, provenance, runs, top_lists
from ssrec.audit.fingerprint import fingerprint as audit_fingerprint
from ssrec.candidates import Allowed, Candidates
from ssrec.compose import Plain, build_terms, instantiate
from ssrec.data.canonical import Canonical, prepare
from ssrec.data.clean import Cleaning
from ssrec.data.cold import drop_cold
from ssrec.data.features import Features
from ssrec.data.module import DataModule
from ssrec.data.prior import Prior, backwards
from ssrec.data.split import Splits, cut
from ssrec.data.splits.parted import HELD, Name
from ssrec.data.splits.refit import split_again
from ssrec.data.splits.train_users import split_among
from ssrec.diagnostics.observer import Observer
from ssrec.errors import DataError
from ssrec.fit import check_limits, fit, make_trainer
from ssrec.learner import Learner
from ssrec.learning.combine import Combine
from ssrec.learning.phase_settings import PhaseSettings, build_phases
from ssrec.models.encoder import Encoder
from ssrec.pretext.prior_items import prior_items
from ssrec.tested import Tested
from ssrec.transfer import freeze, load_encoder, trained_encoder


def canonical_of(config: DictConfig, content: Plain) -> Canonical:
    """The dataset of a stage, found or made."""
    return prepare(instantiate(config.dataset), Cleaning(**content["clean"]), Path(config.outputs) / "data")


def split_of(config: DictConfig, content: Plain, dataset: str) -> tuple[Splits, dict[str, str], pl.Series]:
    """The split of a dataset, the fingerprints that a result stores of both, and the raw ids of the test's users.

    The tables themselves are let go.

    Raises:
        DataError: the dataset is no longer the one that was asked for.
    """
    canonical = canonical_of(config, content)
    if canonical.digest != dataset:
        raise DataError(f"{canonical.name}: its raw files changed while the run was being started; ask again")
    split = split_among(split_again(instantiate(config.split), config.refit), config.train_users)
    splits = cut(split, canonical, Features(**content["features"]), Path(config.outputs) / "data")
    identity = {
        "name": canonical.name,
        "fingerprint": canonical.fingerprint,
        "split": splits.fingerprint,
        "audit": audit_fingerprint(dataset, splits.fingerprint),
    }
    return splits, identity, per_user.ids(canonical, splits.test.user)


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
    splits, identity, users = split_of(config, content, dataset)
    if config.reversed:
        splits = replace(splits, corpus=backwards(splits.corpus))
    torch.manual_seed(config.seed)  # each stage anew, so that a found and a fresh pretraining give the same result
    encoder: Encoder = instantiate(config.model, splits.corpus)
    if init is not None and before is not None:
        load_encoder(encoder, init, before, identity, splits.corpus, list(config.new))
    asked = Prior(**content["prior"])
    prior = prior_items(encoder, splits.corpus, asked, config.data.max_length) if asked.n else None
    freeze(encoder, list(config.freeze))
    encoder_of = partial(trained_encoder, corpus=splits.corpus, data=identity)
    terms = build_terms(config.objective, encoder, splits.corpus, encoder_of)
    combine: Combine | None = instantiate(config.combine)(terms) if config.combine else None
    phases = [PhaseSettings(**said) for said in instantiate(config.phases)]
    candidates: Candidates | None = instantiate(config.candidates) if config.candidates else None
    allowed: dict[Name, Allowed] | None = None if candidates is None else {p: candidates(splits, p) for p in HELD}
    if config.cold_targets == "drop":  # of the rows that are ranked; no negative is a target that was dropped
        splits = drop_cold(splits)
    strata = {str(name): instantiate(node)(splits.corpus, splits.test) for name, node in config.stratum.items()}
    metrics = {str(name): instantiate(node)(splits.corpus) for name, node in config.metric.items()}
    learner = Learner(
        encoder,
        terms,
        optimizer=instantiate(config.optimizer),
        metrics=metrics,
        strata=strata,
        top=max(config.ks),
        mask_seen=config.mask_seen,
        corpus=splits.corpus,
        candidates=allowed,
        combine=combine,
        phases=build_phases(phases, encoder, terms, combine),
        gradient_clip_val=config.trainer.gradient_clip_val,
        tested=Tested(
            None if config.rankings is None else top_lists.TopLists(config.rankings), zeroed=config.mask_seen == "zero"
        ),
    )
    diagnostics = {str(name): instantiate(node)(splits.corpus, identity) for name, node in config.diagnostic.items()}
    data = DataModule(splits, **instantiate(config.data), seed=config.seed, prior=prior)
    trained = any(p.requires_grad for p in encoder.parameters()) and bool(terms)

    parts = [
        part for part in ("train", "val", "test") if (trained or part != "train") and not (chosen and part == "val")
    ]
    check_limits(data, content["trainer"], parts)
    folder.mkdir(parents=True, exist_ok=True)
    with logs.opened(config.logger, folder, label) as logger:
        observer = Observer(diagnostics, splits.corpus, data.rows, terms)
        select, training = config.select, dict(content["trainer"])
        if chosen is not None:  # there is nothing left to select by
            select, epochs = "last", chosen.get("best_epoch", chosen["epochs"])
            training |= {"max_epochs": epochs, "patience": None, "val_every": None, "limit_val_batches": 0}
        settings = {"label": label, "monitor": config.monitor, "select": select, "callbacks": [observer]}
        if not learner.automatic_optimization:
            training["gradient_clip_val"] = None  # Lightning clips no steps that a learner makes itself
        trainer = make_trainer(folder, logger, **settings, hardware=content["hardware"], **training)
        logger.log_hyperparams(content)
        if trainer.is_global_zero:
            (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
        else:  # the same parts everywhere, and then each process its own dropout, views and negatives
            torch.manual_seed(config.seed + 1_000_003 * trainer.global_rank)
        done = {"epochs": 0, "steps": 0, "targets_seen": 0}
        if trained:
            done = fit(trainer, learner, data, folder, label=label, select=select)
        validated = [] if chosen else trainer.validate(learner, data, verbose=False)
        measured = {
            k: v for found in (*validated, *trainer.test(learner, data, verbose=False)) for k, v in found.items()
        }
        logs.log_table(logger, measured)
    if not trainer.is_global_zero:
        return

    if trained:
        save_file({k: v.contiguous() for k, v in encoder.state_dict().items()}, folder / "encoder.safetensors")
    after = learner.tested
    per_user.write(folder, after.per_user, users, per_user.lower(metrics.values()))
    if after.top_lists is not None:
        canonical = canonical_of(config, content)
        owners = top_lists.owners(canonical, instantiate(config.split), splits.test)
        top_lists.write(folder, after.top_lists, canonical, owners)
    limits = config.trainer.limit_val_batches, config.trainer.limit_test_batches
    whole, held = limits == (None, None) and not chosen, (splits.val, splits.test)
    long = config.data.rows in ("window", "prefix")  # the others have no length to be sorted by
    contrasting = [name for name, term in terms.items() if term.loss.contrasts_rows and long]
    warnings = {
        **guards.of_lists(after.watched, personal=encoder.personal),
        **guards.of_training(done, patience=config.trainer.patience, val_every=config.trainer.val_every),
        **guards.of_batches(contrasting, config.data.batching),
        **(guards.of_parts(measured, config.monitor, *(int(h.asked.sum()) for h in held)) if whole else {}),
        **observer.warnings(),
    }
    for sentence in warnings.values():
        print(f"{label}: warning: {sentence}", file=sys.stderr)
    if candidates is not None and candidates.warning:  # told when the run was asked for
        warnings["sampled candidates"] = candidates.warning
    result = {
        "fingerprint": folder.name,
        "label": label,
        "config": content,
        "init": before,
        **({"selected": chosen} if chosen else {}),
        "metrics": measured,
        "warnings": warnings,
        "dataset": identity,
        "protocol": provenance.rules(splits, strata, content, candidates),
        **done,
        "targets_seen_with_pretraining": done["targets_seen"] + (before or {}).get("targets_seen_with_pretraining", 0),
        **provenance.ending(started=started, seed=config.seed, processes=trainer.world_size),
    }
    runs.write_json(folder / "result.json", result)
