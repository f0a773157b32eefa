"""Hydra's, OmegaConf's and our own errors in two lines: what is wrong, and what would be right."""

import re
from collections.abc import Iterator
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, InstantiationException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ssrec import confs
from ssrec.compose import nearest
from ssrec.errors import UserError


def _keys(config: Any, where: str = "") -> Iterator[str]:
    if isinstance(config, dict):
        for key, value in config.items():
            name = f"{where}.{key}" if where else str(key)
            yield name
            yield from _keys(value, name)


def _known_keys(overrides: list[str], wrong: str) -> list[str]:
    """The keys of the config that the other overrides make."""
    rest = [o for o in overrides if "=" in o and not o.startswith(("-", "hydra", wrong)) and "," not in o.split("[")[0]]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(confs.folder()), version_base="1.3"):
            config = compose("train", overrides=rest)
    except (HydraException, OmegaConfBaseException):
        return sorted(confs.top_level_keys())
    return list(_keys(OmegaConf.to_container(config)))


def worded(error: BaseException, overrides: list[str]) -> list[str] | None:
    """One or two lines for a user's mistake; None for a bug, which keeps its traceback."""
    if isinstance(error, UserError):
        return [f"ssrec: {error}"]
    if isinstance(error, InstantiationException) or not isinstance(error, HydraException | OmegaConfBaseException):
        return None
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, MissingConfigException):
        missing = re.search(r"[Cc]ould not find '([^']+)'", str(error))
        if missing:
            group, _, name = missing.group(1).rpartition("/")
            folders = [folder / group for folder in (confs.folder(), confs.own()) if folder]
            options = [file.stem for folder in folders for file in folder.glob("*.yaml")]
            return [f"ssrec: conf/{group} has no {name}", f"{nearest(name, options)}"]
    unknown = re.search(r"Could not override '([^']+)'", str(error))
    if unknown:
        key = unknown.group(1)
        return [f"ssrec: there is no key {key}", nearest(key, _known_keys(overrides, key))]
    full_key = getattr(error, "full_key", None)
    told = f"ssrec: {lines[0]}" + (f" (at {full_key})" if full_key else "")
    return [told, *(lines[1:2] if len(lines) > 1 else [])]
