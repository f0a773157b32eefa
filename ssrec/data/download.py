"""Finding raw files in the folders a user named, or fetching them from their publisher."""

import hashlib
import http.client
import os
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ssrec.errors import DataError

CHUNK = 1 << 16
TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True)
class Remote:
    """What a publisher offers: one file, or a zip archive that holds `files`; `checksum` is algorithm:hex."""

    url: str
    checksum: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Publication:
    """The raw files of a dataset, the folder they are usually kept in, their publisher and licence."""

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
        missing = [name for name in publication.files if not (place / name).is_file()]
        if not missing:
            return [place / name for name in publication.files]
        if place is not fetched and place.is_dir():
            raise DataError(f"folder {place} lacks {', '.join(missing)}; {publication.folder} is read from {wanted}")
    looked = f"{publication.folder}: {wanted} not found in {', '.join(str(place) for place in places)}"
    mend = f"Set dataset.root to their folder, or SSREC_DATA to the folder above one named {publication.folder}"
    if not publication.remotes:
        raise DataError(f"{looked}, and no publisher offers them.\n{mend}.")
    if not download:
        raise DataError(f"{looked}, and dataset.download=false.\n{mend}, or allow the download.")
    for remote in publication.remotes:
        if not all((fetched / name).is_file() for name in remote.files):
            fetch(remote, fetched, licence=publication.licence, mend=mend)
    return [fetched / name for name in publication.files]


def fetch(remote: Remote, folder: Path, *, licence: str, mend: str) -> None:
    """Download, verify, and only then put the files into `folder`; what is unfinished lies in a folder *.part.

    Raises:
        DataError: no connection, or a content that is not the published one.
    """
    tqdm.write(f"fetching {remote.url}\n{licence}", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, suffix=".part") as part:
        path = Path(part) / Path(remote.url).name
        algorithm, _, expected = remote.checksum.partition(":")
        try:
            _stream(remote.url, path)
        except (OSError, http.client.HTTPException) as e:
            raise DataError(f"{remote.url} cannot be fetched: {e}.\n{mend}.") from e
        got = hashlib.new(algorithm, path.read_bytes(), usedforsecurity=False).hexdigest()
        if got != expected:
            raise DataError(
                f"{remote.url} gave {algorithm} {got} where {expected} is published: a broken download or another "
                f"version. Ask again.\n{mend}."
            )
        if zipfile.is_zipfile(path):
            _extract(path, remote.files)
        for name in remote.files:
            os.replace(path.with_name(name), folder / name)


def _stream(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, path.open("wb") as file:
        total = answer.headers.get("Content-Length")
        with tqdm(total=total and int(total), unit="B", unit_scale=True, desc=path.name) as bar:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))


def _extract(archive: Path, names: Sequence[str]) -> None:
    """Put members beside the archive, whatever folder they have inside it."""
    with zipfile.ZipFile(archive) as content:
        members = {Path(member).name: member for member in content.namelist()}
        for name in names:
            archive.with_name(name).write_bytes(content.read(members[name]))
