"""Hydra's, OmegaConf's and our own errors in two lines: what is wrong, and what would be right."""

import difflib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, InstantiationException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from ssrec import confs
from ssrec.compose import nearest
from ssrec.errors import UserError
from ssrec.writable import obstacle

OPEN = ".*"  # behind the key of a node that is empty, for names of the user's own
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENAMETOOLONG}  # nothing that a try with a small file shows


def _keys(config: Any, where: str = "") -> Iterator[str]:
    if isinstance(config, dict):
        for key, value in config.items():
            name = f"{where}.{key}" if where else str(key)
            yield name
            yield from _keys(value, name)
            if value == {} and where:  # else a group of which nothing is chosen
                yield f"{name}{OPEN}"


def _known_keys(overrides: list[str], wrong: str) -> list[str]:
    """The keys of the config that the other overrides make, but for those that add a key."""
    others = [o for o in overrides if "=" in o and not o.startswith(("-", "+", "hydra", wrong))]
    rest = [o for o in others if "," not in o.split("[")[0]]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(confs.folder()), version_base="1.3"):
            config = compose("train", overrides=rest)
    except (HydraException, OmegaConfBaseException):
        return sorted(confs.top_level_keys())
    return list(_keys(OmegaConf.to_container(config)))


def _hint(key: str, known: list[str]) -> str:
    """What a key that does not exist may have meant: its only namesake, a sibling like it, or else any sibling."""
    if any(k.endswith(OPEN) and key.startswith(k.removesuffix("*")) for k in known):
        return f"a name of your own needs a plus sign: +{key}=<value>"
    known = [k for k in known if not k.endswith(OPEN)]
    if key.startswith("pretrain.") and key.removeprefix("pretrain.") in known:
        return f"the pretraining has what the run itself has; to differ there it needs a plus sign: +{key}=<value>"
    parent, _, leaf = key.rpartition(".")
    siblings = [k for k in known if parent and k.startswith(f"{parent}.") and "." not in k[len(parent) + 1 :]]
    own = [k[len(parent) + 1 :] for k in siblings if not k.endswith("_")]
    namesakes = [k for k in known if k.split(".")[-1] == leaf and not k.startswith("pretrain.")]
    chosen_of = not siblings and parent in confs.top_level_keys()  # a group of which nothing is chosen
    if parent and len(namesakes) == 1 and not chosen_of:
        return f"did you mean {namesakes[0]}?"
    if close := difflib.get_close_matches(leaf, own, 1, 0.6):
        return f"did you mean {parent}.{close[0]}?"
    if not siblings:
        return nearest(key, known)
    return f"{parent} takes {', '.join(own) or 'no arguments'}"


def _unread(error: OverrideParseException) -> list[str]:
    """An argument that Hydra's grammar cannot read, most often for want of quotes."""
    key, _, value = error.override.partition("=")
    if not value or value[0] in "[{" or set(value) & {"'", '"'}:
        return [f"ssrec: {error.override} cannot be read: {str(error).splitlines()[0]}"]
    told = "a value with special characters needs quotes inside the shell's"
    return [f"ssrec: {error.override} cannot be read; {told}:", f"{key}='\"{value}\"'"]


def _options(group: str) -> list[str]:
    """The names that a group of the config has."""
    folders = [folder / group for folder in (confs.folder(), confs.own()) if folder]
    return [file.stem for folder in folders for file in folder.glob("*.yaml")]


def _unchosen(overrides: list[str]) -> list[str] | None:
    """A group that is to be nothing; Hydra does not say which."""
    for word in overrides:
        key, _, value = word.partition("=")
        if value == "null" and (options := _options(key.partition("@")[0])):
            return [f"ssrec: {word}: a part is chosen by its name", f"known: {', '.join(sorted(options))}"]
    return None


def _unwritten(error: OSError, words: list[str]) -> list[str] | None:
    """A file that cannot be made under a path that the user chose; None where that is not the reason."""
    if not isinstance(error.filename, str):
        return None
    file = Path(os.path.abspath(error.filename))
    chosen = [os.path.abspath(word.partition("=")[2] or word) for word in (*words, "outputs") if not word.endswith("=")]
    if not any(file.is_relative_to(path) for path in chosen):
        return None
    named = Path(error.filename)
    why = error.strerror if error.errno in FULL else obstacle(named if str(file) in chosen else named.parent)
    return [f"ssrec: {named} cannot be written: {why}"] if why else None


def worded(error: BaseException, overrides: list[str]) -> list[str] | None:
    """One or two lines for a user's mistake; None for a bug, which keeps its traceback."""
    if isinstance(error, UserError):
        return [f"ssrec: {error}"]
    if isinstance(error, OSError) and not isinstance(error, HydraException):  # one of Hydra's is both
        return _unwritten(error, overrides)
    if isinstance(error, ValueError) and str(error).startswith("Config group override"):
        return _unchosen(overrides)
    if isinstance(error, InstantiationException) or not isinstance(error, HydraException | OmegaConfBaseException):
        return None
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, MissingConfigException):
        missing = re.search(r"[Cc]ould not (?:find|load) '([^']+)'", str(error))
        if missing:
            group, _, name = missing.group(1).rpartition("/")
            return [f"ssrec: conf/{group} has no {name}", nearest(name, _options(group))]
    unknown = re.search(r"Could not override '([^']+)'", str(error))
    if unknown:
        key = unknown.group(1)
        known = _known_keys(overrides, key)
        if f"{key}{OPEN}" in known:
            return [f"ssrec: {key} holds no names yet", f"names of your own need a plus sign: +{key}.<name>=<value>"]
        return [f"ssrec: there is no key {key}", _hint(key, known)]
    full_key = getattr(error, "full_key", None)
    if isinstance(error, MissingMandatoryValue) and full_key:
        return [f"ssrec: {full_key} has no default; name {full_key}=<value>"]
    if isinstance(error, OverrideParseException):
        return _unread(error)
    several = re.match(r"Ambiguous value for argument '([^=]*)=(.*)'$", lines[0])
    if several:
        key, values = several.groups()
        return [f"ssrec: {key}={values} has several values", f"a list is {key}=[{values}]; -m makes a run of each"]
    if lines[0].startswith("Error merging override") and error.__cause__:
        return [f"ssrec: {lines[0]}", str(error.__cause__).splitlines()[0]]
    told = f"ssrec: {lines[0]}" + (f" (at {full_key})" if full_key else "")
    return [told, *(lines[1:2] if len(lines) > 1 else [])]
