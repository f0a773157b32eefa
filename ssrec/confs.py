"""The folder of configs that ships with the package, and the classes that its files name."""

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf

import ssrec
from ssrec.compose import encoding_of, fits, locate, nodes
from ssrec.encodings.encoding import FittedEncoding
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective

T = TypeVar("T")


def folder() -> Path:
    """`conf` inside an installed package, or beside it in a checkout."""
    package = Path(ssrec.__file__).parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def own() -> Path | None:
    """The user's own configs, which join these: `conf` in the working directory, where it is another folder."""
    here = Path("conf").resolve()
    return here if here.is_dir() and here != folder().resolve() else None


def read(file: Path) -> dict[str, Any]:
    """One yaml, not composed."""
    return OmegaConf.to_container(OmegaConf.load(file))  # type: ignore[return-value]


@cache
def top_level_keys() -> frozenset[str]:
    """The keys of an experiment: the groups that conf/train.yaml names and the settings it explains."""
    train = read(folder() / "train.yaml")
    groups = {key.split("@")[0] for entry in train.pop("defaults") for key in entry if isinstance(entry, dict)}
    hydras = {key for key in {*train, *groups} if "hydra" in key}
    return frozenset({*train, *groups} - hydras - {"protocol", "recipe", "sweep", "debug"})


@cache
def known(group: str, kind: type[T]) -> dict[str, type[T]]:
    """The classes of a kind that the files of a group name, by the files' stems."""
    found: dict[str, type[T]] = {}
    for file in sorted((folder() / group).glob("*.yaml")):
        for where, node in nodes(read(file)):
            made = locate(node["_target_"], where)
            if isinstance(made, type) and issubclass(made, kind):
                found[file.stem] = made
    return found


def matrix() -> str:
    """Which objective reads which model: a markdown table for each family of encodings, computed from the types."""
    families: dict[str, list[str]] = {}
    models, losses = known("model", Encoder), known("objective", Objective)
    for name, model in models.items():
        families.setdefault(encoding_of(model).__name__, []).append(name)
    closed = families.pop(FittedEncoding.__name__, [])
    parts = []
    for family, names in sorted(families.items(), key=lambda item: -len(item[1])):
        rows = [f"| {family} | rows | {' | '.join(names)} |", f"|---|---|{'---|' * len(names)}"]
        for objective, loss in losses.items():
            fit = [fits(models[name], loss) for name in names]
            if any(fit):
                cells = " | ".join("yes" if one else "" for one in fit)
                rows.append(f"| {objective} | {', '.join(loss.rows)} | {cells} |")
        parts.append("\n".join(rows))
    return "\n\n".join([*parts, f"Fitted in closed form, with `objective=[]`: {', '.join(closed)}."])
