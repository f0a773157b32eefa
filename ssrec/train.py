"""The composition root: from a config to the folder of a finished run."""

import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from ssrec import confs, runs
from ssrec.build import canonical_of
from ssrec.check import check
from ssrec.checks.settings import BACKWARDS
from ssrec.compose import Plain, instantiate
from ssrec.data.clean import Cleaning
from ssrec.data.features import Features
from ssrec.data.module import DataModule
from ssrec.data.prior import Prior
from ssrec.errors import CompositionError
from ssrec.fit import make_trainer, processes
from ssrec.make import make
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.processes import run_on

ONE_SPLIT = (
    "was trained on one split of this dataset, and a refit trains on two; say pretrain.objective, which is refitted too"
)


def stages(config: DictConfig) -> list[DictConfig]:
    """The configs of the runs that a config asks for: the pretraining, where it has objectives, then the run itself.

    Each is whole; what `pretrain` says differs is merged into the first and gone from both. With `refit` all of them
    come twice: first those that select, then those that train again.
    """
    if config.refit is not True:
        return _chain(config)
    selecting = config.copy()
    selecting.refit = False
    return [*_chain(selecting), *_chain(config)]


def _chain(config: DictConfig) -> list[DictConfig]:
    main = config.copy()
    OmegaConf.set_struct(main, False)
    main.setdefault("objective", {})  # objective=[] leaves no node behind, and so do others
    main.setdefault("stratum", {})
    main.setdefault("candidates", {})  # candidates=full leaves an empty node
    main.setdefault("combine", {})  # and so does combine=sum
    main.setdefault("diagnostic", {})
    differs = main.pop("pretrain")
    if not differs.get("objective"):
        return [main]
    before = main.copy()
    before.update({"objective": {}, "diagnostic": {}, "init": None, "new": [], "freeze": [], "rankings": None})
    before.update({"combine": {}, "phases": []})
    before.prior.n = 0  # it is this run that generates them
    OmegaConf.set_struct(before, True)
    OmegaConf.set_struct(before.objective, False)
    OmegaConf.set_struct(before.diagnostic, False)
    OmegaConf.set_struct(before.combine, False)
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
        settings={
            "clean": Cleaning,
            "features": Features,
            "prior": Prior,
            "data": DataModule,
            "trainer": make_trainer,
            "hardware": processes,
        },
        starts=starts,
    )


def ready(config: DictConfig) -> tuple[list[DictConfig], list[str]]:
    """The stages of a config, all checked, with their rows and metrics decided; and what the user is to be told.

    Raises:
        CompositionError: parts that do not fit.
    """
    require("refit" not in config.pretrain, "pretrain.refit: all stages are refitted or none; say refit=true")
    todo = stages(config)
    if config.init and len(todo) > (2 if config.refit else 1):
        raise CompositionError("init and pretrain.objective both give a starting point; keep one of them")
    require(not (config.refit is True and _of_this_dataset(config)), f"refit=true: init={config.init} {ONE_SPLIT}")
    without: set[str] = set()
    notes: list[str | None] = []
    for i, stage in enumerate(todo):
        content = checked(stage, starts=bool(stage.init) or (i > 0 and todo[i - 1].refit == stage.refit))
        require(_starts_backwards(todo, i) or not stage.prior.n, f"prior.n={stage.prior.n}: {BACKWARDS}")
        stage.data.rows = content["data"]["rows"]
        without |= set(stage.metric) - set(content["metric"])
        stage.metric = content["metric"]
        notes += [unread_parts(content), instantiate(content["candidates"]).warning if content["candidates"] else None]
    if without:
        notes.append(f"not reported, for the dataset lacks what they read: {', '.join(sorted(without))}")
    return todo, [note for note in notes if note]


def _of_this_dataset(config: DictConfig) -> bool:
    """Whether the run that this one starts from was trained on the same data; one that is missing is refused later."""
    if not config.init or not runs.finished(Path(config.init)):
        return False
    theirs = runs.read(Path(config.init))["config"]
    return all(plain(config[key]) == theirs[key] for key in ("dataset", "clean"))


def _starts_backwards(todo: list[DictConfig], i: int) -> bool:
    """Whether the run that stage i starts from read histories backwards; a start that is missing is refused later."""
    if not todo[i].init:
        return i > 0 and todo[i - 1].reversed
    start = Path(todo[i].init)
    return not runs.finished(start) or runs.read(start)["config"].get("reversed", False)


def train(config: DictConfig) -> Path:
    """Make what a config asks for, or find it; returns the folder of the finished run.

    Raises:
        CompositionError: parts that do not fit, before any data is read.
        DataError: data that is missing or broken.
    """
    todo, notes = ready(config)  # every stage is checked before the first one runs
    for stage in todo:
        processes(**plain(stage.hardware))
    told: set[str] = set()  # notes are for a whole run, not for each of its stages
    for note in notes:
        tell(note, told)
    made: dict[bool, list[Path]] = {}
    for stage in todo:
        chain = made.setdefault(stage.refit, [])
        start = chain[-1] if chain else Path(config.init) if config.init else None
        chain.append(run(stage, start, told, made[False][len(chain)] if stage.refit else None))
    return made[todo[-1].refit][-1]


def tell(note: str | None, told: set[str]) -> None:
    """Print a note on stderr, unless it was told before."""
    if note and note not in told:
        print(note, file=sys.stderr)
        told.add(note)


def unread_parts(content: Plain) -> str | None:
    """A note where a dataset has its publisher's parts and the split reads other ones."""
    source, split = instantiate(content["dataset"]), instantiate(content["split"])
    if "parts" not in source.offers or "parts" in split.needs:
        return None
    name = split.settings["split"]
    return f"{source.name} has its publisher's parts, and the {name} split does not read them; split=given does"


def run(config: DictConfig, init: Path | None, told: set[str], selected: Path | None = None) -> Path:
    """Make or find one run that starts from another one's encoder, or from nothing; `told` are notes already told.

    A run that trains again does so for as many epochs as were `selected` in another one.
    """
    content = plain(config)
    if init is not None and not runs.finished(init):
        raise CompositionError(f"init: {init} is not the folder of a finished run: it has no result.json")
    before = runs.read(init) if init else None
    runs.taught_by(content)  # a teacher that is missing is refused before data are read
    outputs = Path(config.outputs)
    canonical = canonical_of(config, content)
    tell(canonical.skipped, told)
    dataset = canonical.digest
    del canonical  # its tables
    digest = runs.fingerprint(content, dataset, before["fingerprint"] if before else None)
    label = runs.label(content, before)
    folder = outputs / config.study / digest
    if not runs.finished(folder):
        with runs.claimed(folder, label):
            if not runs.finished(folder) and not runs.brought(outputs, folder):  # nobody made it while we waited
                n = processes(**content["hardware"])
                asked = (config, content, dataset, folder, label, init, selected)
                run_on(n, make, *asked) if n else make(*asked)
                return folder
    print(f"{label}: already made, in {folder}", file=sys.stderr)
    return folder
