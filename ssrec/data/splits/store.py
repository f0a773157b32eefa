"""Flat arrays and what is known of them as a folder of .npy files and a meta.json, whole or not there at all."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssrec.errors import DataError

MAPPED = 1 << 28  # bytes of arrays in all, from which they are mapped instead of read
WORTH = 1 << 16  # a smaller array is read all the same; an empty one cannot be mapped

Made = tuple[Iterable[tuple[str, Tensor]], Mapping[str, Any]]


def stored(home: Path, make: Callable[[], Made], mapped: int = MAPPED) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `make` gives, read from `home` or made and written there.

    Written aside and renamed, so that several processes may ask at once and none sees half of it. Mapped arrays are
    private to their process (copy on write).

    Args:
        home: the folder; its name holds a hash of all that decides its content.
        make: the arrays, which are written one by one as they come, and what else is known, as JSON.
        mapped: bytes in all from which arrays are mapped, and their content is no longer verified at every reading.

    Raises:
        DataError: what is stored was damaged.
    """
    if not home.exists():
        _write(home, *make(), mapped)
    try:
        return _read(home, mapped)
    except (OSError, ValueError, KeyError, TypeError, EOFError, SyntaxError) as e:
        raise DataError(f"{home} is damaged ({type(e).__name__}: {e}): delete that folder and ask again") from e


def _write(home: Path, arrays: Iterable[tuple[str, Tensor]], known: Mapping[str, Any], mapped: int) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{home.name}-"))
    try:
        shapes = {}
        for name, tensor in arrays:
            np.save(aside / f"{name}.npy", tensor.numpy())
            shapes[name] = [str(tensor.numpy().dtype), list(tensor.shape)]
        meta = {**known, "arrays": shapes}
        # Of all content, where that is not too much to be read every time.
        digest = _digest(aside, meta) if _size(aside, meta) < mapped else None
        (aside / "meta.json").write_text(json.dumps(meta | {"digest": digest}, indent=1, sort_keys=True) + "\n")
        aside.chmod(0o755)
        os.rename(aside, home)
    except OSError:
        if not home.exists():  # else another process was first: what it made is the same
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _read(home: Path, mapped: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    meta = json.loads((home / "meta.json").read_text())
    digest = meta.pop("digest")
    large = _size(home, meta) >= mapped
    if not large and digest is not None and digest != _digest(home, meta):
        raise ValueError("its content is not what was stored")
    found = {}
    for name in meta["arrays"]:
        file = home / f"{name}.npy"
        mode = "c" if large and file.stat().st_size > WORTH else None
        array = np.load(file, mmap_mode=mode, allow_pickle=False)
        if [str(array.dtype), list(array.shape)] != meta["arrays"][name]:
            raise ValueError(f"{file.name} is {array.dtype} {array.shape}, not {meta['arrays'][name]}")
        found[name] = torch.from_numpy(array)
    return found, meta


def _size(home: Path, meta: Mapping[str, Any]) -> int:
    return sum((home / f"{name}.npy").stat().st_size for name in meta["arrays"])


def _digest(home: Path, meta: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(meta, sort_keys=True).encode())
    for name in sorted(meta["arrays"]):
        digest.update((home / f"{name}.npy").read_bytes())
    return digest.hexdigest()[:16]
