"""What a user names: files and folders that have to exist, and a dataset's name."""

import re
from pathlib import Path

from ssrec.errors import CompositionError, DataError


def check_name(name: str) -> None:
    """A dataset's name is part of folders and tables.

    Raises:
        CompositionError: it has other characters than folders should have.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name):
        raise CompositionError(f"dataset.name={name}: a name is made of letters, digits and, inside, of .+-_")


def check_without_history(value: str) -> None:
    """What becomes of users whom a publisher tests and of whom he gives no history.

    Raises:
        CompositionError: it is neither error nor keep.
    """
    if value not in ("error", "keep"):
        raise CompositionError(f"dataset.without_history={value}: choose error or keep")


def named_file(setting: str, path: str) -> Path:
    """The file that a setting names, or its gzipped version.

    Raises:
        DataError: there is none.
    """
    for file in (Path(path), Path(path + ".gz")):
        if file.is_file():
            return file
    raise DataError(f"{setting}={path} is {'a folder' if Path(path).is_dir() else 'no file'}; name a file")


def named_folder(setting: str, path: str) -> Path:
    """The folder that a setting names.

    Raises:
        DataError: there is none.
    """
    if not Path(path).is_dir():
        raise DataError(f"{setting}={path} is {'a file' if Path(path).is_file() else 'no folder'}; name a folder")
    return Path(path)
