"""One file from its publisher, going on where a broken download stopped."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path

from tqdm import tqdm

CHUNK = 1 << 16  # bytes; a killed process loses no more
TIMEOUT = 30  # seconds without an answer
ATTEMPTS = 5  # connections that may break before we give up; each goes on where the last one stopped


@dataclass(frozen=True)
class _Version:
    """What a partial file is the beginning of: a validator (RFC 9110: a strong ETag or a date) and a length."""

    url: str
    validator: str | None
    length: int | None


def fetch(url: str, part: Path, *, verified: bool) -> None:
    """Write the content of `url` to `part`, which holds its beginning if an earlier call broke off.

    A server that knows no ranges, or offers another version than the one begun, makes it start over. Without a
    validator only the length can be compared; such a beginning is continued only if the caller compares a checksum.

    Args:
        verified: whether the caller will compare a checksum.

    Raises:
        OSError: no connection, one that breaks again and again, or no room on the disk.
    """
    for _ in range(ATTEMPTS):
        if _whole(url, part, verified):
            return
    raise OSError(f"the connection broke {ATTEMPTS} times; {_size(part):,} bytes are kept, asking again goes on there")


def forget(part: Path) -> None:
    """Remove what `fetch` wrote."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _whole(url: str, part: Path, verified: bool) -> bool:
    """Whether the file is whole after one connection more."""
    begun, version = _size(part), _read(part)
    headers = {"User-Agent": "ssrec"}
    if begun and version and version.url == url and (version.validator or verified):
        headers["Range"] = f"bytes={begun}-"
        if version.validator:
            headers["If-Range"] = version.validator
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as e:
        with e:
            if e.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or "Range" not in headers:
                raise
            if e.headers.get("Content-Range") == f"bytes */{begun}":
                return True
        part.unlink()  # longer than what is offered now
        return False
    with answer:
        offered = _version(url, answer.headers)
        continued = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        if continued and not _continues(answer.headers, begun, version, offered):
            part.unlink()
            return False
        _note(part).write_text(json.dumps(asdict(offered)))
        return _save(answer.read, part, begun if continued else 0, offered.length)


def _save(read: Callable[[int], bytes], part: Path, begun: int, length: int | None) -> bool:
    """Append after the first `begun` bytes; whether it came to its end."""
    with (
        part.open("r+b" if begun else "wb") as file,
        tqdm(total=length, initial=begun, unit="B", unit_scale=True, desc=part.stem) as bar,
    ):
        file.seek(begun)
        while True:
            try:
                chunk = read(CHUNK)
            except http.client.IncompleteRead as e:
                file.write(e.partial)
                return False
            except (ConnectionError, TimeoutError):
                return False
            if not chunk:
                return length is None or file.tell() == length
            file.write(chunk)
            bar.update(len(chunk))


def _continues(headers: Message, begun: int, version: _Version | None, offered: _Version) -> bool:
    """Whether a partial answer starts where we stopped, in the same version."""
    start = headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return start == str(begun) and version is not None and version.length == offered.length


def _version(url: str, headers: Message) -> _Version:
    tag, date = headers.get("ETag"), headers.get("Last-Modified")
    total = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
    weak = tag is None or tag.startswith("W/")  # a weak tag says nothing about bytes
    return _Version(url, date if weak else tag, int(total) if total.isdecimal() else None)


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read(part: Path) -> _Version | None:
    try:
        return _Version(**json.loads(_note(part).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0
