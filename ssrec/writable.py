"""Whether files can be made somewhere: asked before long work, and again when writing failed."""

import os
import tempfile
from pathlib import Path

from ssrec.errors import UserError


def obstacle(folder: Path) -> str | None:
    """Why no file can be made in a folder that exists or could be made; None where one can. Leaves nothing behind."""
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not there.is_dir():
        return f"{there} is a file, not a folder"
    try:
        with tempfile.TemporaryDirectory(dir=there, prefix=".ssrec-"):
            return None
    except OSError as error:
        return f"{there} takes no new files ({error.strerror})"


def check_file(file: Path, where: str) -> None:
    """Refuse a file that could not be written.

    Raises:
        UserError: it is a folder, or none can be made there; named by `where`, which is how the user chose it.
    """
    if file.is_dir():
        raise UserError(f"{where} {file}: that is a folder; name a file in it")
    if why := obstacle(file.parent):
        raise UserError(f"{where} {file} cannot be written: {why}")
