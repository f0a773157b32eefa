"""Finding raw files in the folders a user named, or fetching them from their publisher."""

import gzip
import hashlib
import http.client
import os
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from tqdm import tqdm

from ssrec.data.files.fetch import CHUNK, fetch, forget
from ssrec.errors import DataError

# What checksums, gzip and zip raise when bytes are not what they should be (RuntimeError: encrypted, unknown methods).
BROKEN = (ValueError, EOFError, RuntimeError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)


@dataclass(frozen=True)
class Remote:
    """What a publisher offers: one file, or a zip archive that holds `files`.

    `checksum` is algorithm:hex, or None where none is published; then rows are counted, and no more is known.
    """

    url: str
    checksum: str | None
    files: tuple[str, ...]


@dataclass(frozen=True)
class Publication:
    """The raw files of a dataset, the folder they are usually kept in, their publisher and licence.

    Each may lie there gzipped (`ratings.csv.gz`) or not, whatever way it was published; and in the publisher's
    subfolder (`raw/ratings.csv`) or outside of it.
    """

    folder: str
    files: tuple[str, ...]
    licence: str
    remotes: tuple[Remote, ...] = ()


def locate(publication: Publication, *, root: str | None, download: bool, raw: Path) -> list[Path]:
    """The raw files: in `root`, else in $SSREC_DATA/<folder>, else in `raw`/<folder>, fetched if allowed.

    Raises:
        DataError: a folder named by the user is missing or lacks a file, or there is nothing to fetch from.
    """
    wanted = ", ".join(publication.files)
    data = os.environ.get("SSREC_DATA") or None
    for setting, named in (("dataset.root", root), ("SSREC_DATA", data)):
        if named is not None and not Path(named).is_dir():
            raise DataError(f"{setting}={named} is no folder; for {publication.folder} name one that leads to {wanted}")
    fetched = raw / publication.folder
    places = [Path(root)] if root is not None else [*([Path(data) / publication.folder] if data else []), fetched]
    for place in places:
        found = [_present(place, name) for name in publication.files]
        missing = [name for name, path in zip(publication.files, found, strict=True) if path is None]
        if not missing:
            return [path for path in found if path]
        if place is not fetched and place.is_dir():
            raise DataError(f"folder {place} lacks {', '.join(missing)}; {publication.folder} is read from {wanted}")
    looked = f"{publication.folder}: {wanted} not found in {', '.join(str(place) for place in places)}"
    mend = f"Set dataset.root to their folder, or SSREC_DATA to the folder above one named {publication.folder}"
    if not publication.remotes:
        raise DataError(f"{looked}, and no publisher offers them.\n{mend}.")
    if not download:
        raise DataError(f"{looked}, and dataset.download=false.\n{mend}, or allow the download.")
    fetched.mkdir(parents=True, exist_ok=True)
    with _alone(fetched):
        for remote in publication.remotes:
            if not all(_present(fetched, name) for name in remote.files):
                _obtain(remote, fetched, licence=publication.licence, mend=mend)
    return [_present(fetched, name) or fetched / name for name in publication.files]


def _present(folder: Path, name: str) -> Path | None:
    other = name.removesuffix(".gz") if name.endswith(".gz") else name + ".gz"
    names = (name, other, Path(name).name, Path(other).name)
    return next((folder / n for n in names if (folder / n).is_file()), None)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time fetches into a folder; another one waits, and then looks again."""
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tqdm.write(f"another process is fetching {folder}; waiting for it", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _obtain(remote: Remote, folder: Path, *, licence: str, mend: str) -> None:
    """Download, verify, and only then put the files into `folder`; what is unfinished is called *.part.

    Raises:
        DataError: no connection, or a content that is not the published one.
    """
    part = folder / f"{Path(urlsplit(remote.url).path).name}.part"
    note = "" if remote.checksum else "\nNo checksum of it is known: what can be verified is its layout and its counts."
    tqdm.write(f"fetching {remote.url}\n{licence}{note}", file=sys.stderr)
    try:
        fetch(remote.url, part, verified=remote.checksum is not None)
    except (OSError, http.client.HTTPException) as e:
        raise DataError(f"{remote.url} cannot be fetched: {e}.\n{mend}.") from e
    try:
        _verify(remote, part)
        with tempfile.TemporaryDirectory(dir=folder, suffix=".part") as aside:
            if part.stem.endswith(".zip") or zipfile.is_zipfile(part):
                _extract(part, Path(aside), remote.files)
            else:
                part.rename(Path(aside) / Path(remote.files[0]).name)
            for file in remote.files:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(aside) / Path(file).name, folder / file)
    except BROKEN as e:
        forget(part)
        raise DataError(f"{remote.url} gave {e}: a broken download or another version. Ask again.\n{mend}.") from e
    except OSError as e:
        raise DataError(f"{remote.url} was fetched to {part} and cannot be put in place: {e}.") from e
    forget(part)


def _verify(remote: Remote, path: Path) -> None:
    """Compare the checksum; without one, that of a gzipped file's own content."""
    if remote.checksum is None:
        if path.name.endswith(".gz.part"):
            with gzip.open(path) as content:
                while content.read(CHUNK):
                    pass
        return
    algorithm, _, expected = remote.checksum.partition(":")
    with path.open("rb") as file:
        got = hashlib.file_digest(file, partial(hashlib.new, algorithm, usedforsecurity=False)).hexdigest()
    if got != expected:
        raise ValueError(f"{algorithm} {got} where {expected} is published")


def _extract(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Put members into a folder, whatever folder they have inside the archive."""
    with zipfile.ZipFile(archive) as content:
        members = {Path(member).name: member for member in content.namelist()}
        for name in (Path(name).name for name in names):
            if name not in members:
                raise zipfile.BadZipFile(f"an archive without {name}")
            with content.open(members[name]) as member, (folder / name).open("wb") as file:
                shutil.copyfileobj(member, file, CHUNK)
