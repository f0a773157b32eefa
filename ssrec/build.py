"""The parts of one run, built from a checked stage: its data, its encoder and terms, and what measures them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import final

import polars as pl
import torch
from jaxtyping import Bool
from omegaconf import DictConfig
from torch import Tensor

from ssrec import per_user, top_lists
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
from ssrec.held_out import HeldOut
from ssrec.learner import Learner
from ssrec.learning.combine import Combine
from ssrec.learning.phase_settings import PhaseSettings, build_phases
from ssrec.models.encoder import Encoder
from ssrec.pretext.prior_items import prior_items
from ssrec.tested import Tested
from ssrec.transfer import freeze, load_encoder, trained_encoder


@final
@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a run consists of.

    Args:
        splits: its data, without the held-out rows that are dropped.
        identity: the fingerprints that its result stores of them.
        users: the raw ids of the test's users.
        candidates: what targets are ranked among, where that is not the catalogue.
        strata: masks of the test's rows by name.
    """

    splits: Splits
    identity: Mapping[str, str]
    users: pl.Series
    candidates: Candidates | None
    strata: Mapping[str, Bool[Tensor, "B"]]
    learner: Learner
    data: DataModule
    observer: Observer

    @property
    def trained(self) -> bool:
        """Whether there is anything to train, and something to train it by."""
        encoder = self.learner.encoder
        return any(p.requires_grad for p in encoder.parameters()) and bool(self.learner.terms)


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


def build(config: DictConfig, content: Plain, dataset: str, init: Path | None, before: Plain | None) -> Parts:
    """The parts of a stage.

    Args:
        config, content: a checked stage, and the same as plain containers.
        dataset: the digest of its canonical data, which are read from disk.
        init, before: folder and result of the run that it starts from.

    Raises:
        DataError: the dataset is no longer the one that was asked for.
        CompositionError: what only the data tell does not fit.
    """
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
    held_out = HeldOut(
        {str(name): instantiate(node)(splits.corpus) for name, node in config.metric.items()},
        strata=strata,
        top=max(config.ks),
        mask_seen=config.mask_seen,
        candidates=allowed,
        tested=Tested(
            None if config.rankings is None else top_lists.TopLists(config.rankings), zeroed=config.mask_seen == "zero"
        ),
    )
    learner = Learner(
        encoder,
        terms,
        optimizer=instantiate(config.optimizer),
        held_out=held_out,
        corpus=splits.corpus,
        combine=combine,
        phases=build_phases(phases, encoder, terms, combine),
        gradient_clip_val=config.trainer.gradient_clip_val,
    )
    diagnostics = {str(name): instantiate(node)(splits.corpus, identity) for name, node in config.diagnostic.items()}
    data = DataModule(splits, **instantiate(config.data), seed=config.seed, prior=prior)
    observer = Observer(diagnostics, splits.corpus, data.rows, terms)
    return Parts(
        splits=splits,
        identity=identity,
        users=users,
        candidates=candidates,
        strata=strata,
        learner=learner,
        data=data,
        observer=observer,
    )
