"""The composition root: from a config to the folder of a finished run."""

import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger, WandbLogger
from safetensors.torch import save_file

from ssrec import confs, runs
from ssrec.check import check
from ssrec.compose import Plain, build_terms, instantiate
from ssrec.data.canonical import prepare
from ssrec.data.module import DataModule
from ssrec.errors import CompositionError
from ssrec.fit import fit, make_trainer
from ssrec.learner import Learner
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.transfer import freeze, load_encoder


def stages(config: DictConfig) -> list[DictConfig]:
    """The configs of the runs that a config asks for: the pretraining, where it has objectives, then the run itself.

    Each is whole; what `pretrain` says differs is merged into the first and gone from both.
    """
    main = config.copy()
    OmegaConf.set_struct(main, False)
    main.setdefault("objective", {})  # objective=[] leaves no node behind
    differs = main.pop("pretrain")
    if not differs.get("objective"):
        return [main]
    before = main.copy()
    before.update({"objective": {}, "init": None, "new": [], "freeze": []})
    OmegaConf.set_struct(before, True)
    OmegaConf.set_struct(before.objective, False)
    before.merge_with(differs)
    return [before, main]


def plain(config: DictConfig) -> Plain:
    """A config as plain containers, interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[return-value]


def checked(stage: DictConfig, *, starts: bool) -> Plain:
    """A stage as plain containers, if its parts fit together."""
    return check(
        plain(stage),
        models=confs.known("model", Encoder),
        losses=confs.known("objective", Objective),
        keys=confs.top_level_keys(),
        settings={"data": DataModule, "trainer": make_trainer, "hardware": Trainer},
        starts=starts,
    )


def train(config: DictConfig) -> Path:
    """Make what a config asks for, or find it; returns the folder of the finished run.

    Raises:
        CompositionError: parts that do not fit, before any data is read.
        DataError: data that is missing or broken.
    """
    todo = stages(config)
    if len(todo) > 1 and config.init:
        raise CompositionError("init and pretrain.objective both give a starting point; keep one of them")
    for i, stage in enumerate(todo):  # every stage is checked before the first one runs
        stage.data.rows = checked(stage, starts=bool(stage.init) or i > 0)["data"]["rows"]
    folder = Path(config.init) if config.init else None
    for stage in todo:
        folder = run(stage, folder)
    assert folder is not None
    return folder


def run(config: DictConfig, init: Path | None) -> Path:
    """Make or find one run that starts from another one's encoder, or from nothing."""
    content = plain(config)
    if init is not None and not (init / "result.json").exists():
        raise CompositionError(f"init: {init} is not the folder of a finished run: it has no result.json")
    before = runs.read(init) if init else None
    outputs = Path(config.outputs)
    canonical = prepare(instantiate(config.dataset), outputs / "data")
    digest = runs.fingerprint(content, canonical.fingerprint, before["fingerprint"] if before else None)
    label = runs.label(content, before)
    found = runs.find(outputs, config.study, digest)
    if found is not None:
        print(f"{label}: already made, in {found}", file=sys.stderr)
        return found
    started = time.perf_counter()

    splits = instantiate(config.split)(canonical)
    torch.manual_seed(config.seed)  # each stage anew, so that a found and a fresh pretraining give the same result
    encoder: Encoder = instantiate(config.model, splits.corpus)
    if init is not None and before is not None:
        load_encoder(encoder, init, before, canonical.fingerprint, splits.corpus, list(config.new))
    freeze(encoder, list(config.freeze))
    terms = build_terms(config.objective, encoder, splits.corpus)
    learner = Learner(
        encoder,
        terms,
        optimizer=instantiate(config.optimizer),
        metrics={str(name): instantiate(node)(splits.corpus) for name, node in config.metric.items()},
        top=max(config.ks),
        mask_seen=config.mask_seen,
        corpus=splits.corpus,
    )
    data = DataModule(splits, **instantiate(config.data), seed=config.seed)

    folder = outputs / config.study / digest
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
    logger: Logger = instantiate(config.logger)(save_dir=str(folder))
    logger.log_hyperparams(content)
    settings = {"label": label, "monitor": config.monitor, "select": config.select}
    trainer = make_trainer(folder, logger, **settings, hardware=content["hardware"], **content["trainer"])
    trained = any(p.requires_grad for p in encoder.parameters()) and bool(terms)
    done = (
        fit(trainer, learner, data, folder, config.select) if trained else {"epochs": 0, "steps": 0, "targets_seen": 0}
    )
    measured = {**trainer.validate(learner, data, verbose=False)[0], **trainer.test(learner, data, verbose=False)[0]}
    if trained:
        save_file({k: v.contiguous() for k, v in encoder.state_dict().items()}, folder / "encoder.safetensors")

    result = {
        "fingerprint": digest,
        "label": label,
        "config": content,
        "init": before,
        "metrics": measured,
        "dataset": {"name": canonical.name, "fingerprint": canonical.fingerprint, "split": splits.fingerprint},
        "protocol": {**splits.facts, "ranking": "full catalogue", "ties": "last", "mask_seen": config.mask_seen},
        **done,
        "targets_seen_with_pretraining": done["targets_seen"] + (before or {}).get("targets_seen_with_pretraining", 0),
        "seconds": time.perf_counter() - started,
        "peak_memory_mb": peak_memory_mb(),
        "seed": config.seed,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "packages": {name: version(name) for name in ("ssrec", "torch", "pytorch-lightning", "polars")},
    }
    log_result(logger, measured)
    runs.write_json(folder / "result.json", result)
    return folder


def log_result(logger: Logger, measured: dict[str, float]) -> None:
    """The final table, where the logger has tables."""
    if isinstance(logger, WandbLogger):
        logger.log_table("result", columns=["metric", "value"], data=[[k, v] for k, v in sorted(measured.items())])
    logger.finalize("success")


def peak_memory_mb() -> dict[str, float]:
    """The largest memory that this process has had, and the GPU's, in MB (1e6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6}
    if torch.cuda.is_available():
        peak["gpu"] = torch.cuda.max_memory_allocated() / 1e6
    return peak


def commit() -> str | None:
    """The commit of ssrec's own checkout, with a mark where files differ from it; None for an installed package."""
    try:
        asked = [
            "git",
            "-C",
            str(Path(__file__).parent),
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
