"""Finished runs as a start or as a teacher: their encoders' parameters, and which of them stay as they are."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ssrec import runs
from ssrec.batch import Corpus
from ssrec.compose import instantiate, nearest
from ssrec.errors import CompositionError
from ssrec.models.encoder import Encoder
from ssrec.nn import require


def matched(names: Sequence[str], globs: Sequence[str], setting: str) -> set[str]:
    """The names that match one of the globs.

    Raises:
        CompositionError: a glob that matches nothing.
    """
    for glob in globs:
        if not any(fnmatch(name, glob) for name in names):
            raise CompositionError(f"{setting}: no parameter matches {glob}; {nearest(glob, names)}")
    return {name for name in names if any(fnmatch(name, glob) for glob in globs)}


def _starts(before: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """A run, and the runs that it started from."""
    while before:
        yield before
        before = before.get("init")


def load_encoder(
    encoder: Encoder, init: Path, before: dict[str, Any], data: Mapping[str, str], corpus: Corpus, new: Sequence[str]
) -> None:
    """Copy the parameters of a finished run into an encoder, all but those that `new` names.

    Raises:
        CompositionError: the run lacks a parameter, has it in another shape, has rows of another dataset's items, or
            was trained on another split of this dataset.
    """
    for start in _starts(before):
        if start["dataset"]["fingerprint"] == data["fingerprint"] and start["dataset"]["split"] != data["split"]:
            raise CompositionError(
                f"init: {init} was trained on another split of this dataset, maybe on what is held out here; "
                f"start from a run with the same split"
            )
    file = init / "encoder.safetensors"
    if not file.exists():
        raise CompositionError(
            f"init: {init} holds no encoder.safetensors: a model fitted in closed form cannot be a start"
        )
    theirs, ours = load_file(file), encoder.state_dict()
    wanted = sorted(set(ours) - matched(list(ours), new, "new"))
    catalogue = {corpus.item_rows, corpus.mask + 1, corpus.user_rows}
    elsewhere = before["dataset"]["fingerprint"] != data["fingerprint"]
    for name in wanted:
        if name not in theirs:
            raise CompositionError(f"init: {init} has no {name}; say new=[{name}] to start it afresh")
        have, need = tuple(theirs[name].shape), tuple(ours[name].shape)
        if elsewhere and (catalogue & set(need) or have != need):
            raise CompositionError(
                f"init: {init} was trained on another dataset, and {name} has a row for each of its items or users; "
                f"say new=[{name}] to start it afresh"
            )
        if have != need:
            raise CompositionError(
                f"init: {name} has shape {have} in {init} and {need} here; use the same model settings"
            )
    encoder.load_state_dict({**ours, **{name: theirs[name] for name in wanted}})


def trained_encoder(where: str, folder: Path, corpus: Corpus, data: Mapping[str, str]) -> Encoder:
    """The trained encoder of a finished run, for rows of these data; `where` says who asks for it.

    Raises:
        CompositionError: there is no such run, it stored no encoder, or it was made from other data.
    """
    where = f"{where}: {folder}"
    require(runs.finished(folder), f"{where} is not the folder of a finished run: it has no result.json")
    theirs = runs.read(folder)
    for key, what in {"fingerprint": "dataset", "split": "split"}.items():
        have, need = theirs["dataset"][key], data[key]
        require(have == need, f"{where} has the {what} {have}, and this run has {need}")
    file = folder / "encoder.safetensors"
    require(file.exists(), f"{where} holds no encoder.safetensors: a model fitted in closed form has no vectors")
    with torch.random.fork_rng(devices=[]):  # what an encoder draws at its start is overwritten
        encoder: Encoder = instantiate(theirs["config"]["model"], corpus)
    try:
        encoder.load_state_dict(load_file(file))
    except RuntimeError:
        raise CompositionError(f"{where} does not fit its own settings here; make that run again") from None
    return encoder


def freeze(encoder: Encoder, globs: Sequence[str]) -> None:
    """Keep the parameters that match as they are.

    Raises:
        CompositionError: a glob that matches nothing.
    """
    parameters = dict(encoder.named_parameters())
    for name in matched(list(parameters), globs, "freeze"):
        parameters[name].requires_grad_(False)
