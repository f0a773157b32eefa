"""A text file as blocks of whole lines, so that memory does not grow with the file."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from ssrec.data.files.layout import BadRows, worded
from ssrec.errors import DataError

SIZE = 1 << 26  # bytes of a block
UTF8 = ("utf-8", "utf8")
LONGEST = 1 << 28  # bytes of a line; what has longer ones is no text
OPEN = 1 << 26  # bytes after which nobody waits any more for the end of a quote


@dataclass(frozen=True)
class Block:
    """Whole lines of UTF-8, each with its end, `\\n`; `line` is the number of the first, from 1."""

    line: int
    content: bytes


def blocks(
    path: Path, *, encoding: str = "utf-8", quote: str | None = None, ends: bool = True, bad: BadRows
) -> Iterator[Block]:
    """The lines of a file, without blank ones at its end; `.gz` is decompressed. With `quote`, records stay whole.

    Args:
        path: the file.
        encoding: of the file; one that contains ASCII.
        quote: what encloses fields that may hold line ends.
        ends: whether the last line has an end; one that should and has none is truncated.
        bad: where lines that cannot be decoded go.

    Raises:
        DataError: the file cannot be read, is empty, or stops in the middle of a line.
    """
    _check_encoding(path, encoding)
    line, rest, some = 1, b"", False
    mark = quote.encode() if quote else None
    for chunk in _chunks(path, encoding):
        cut = _cut(rest, mark)
        # Blank lines are held back: they may be the file's last.
        body = rest[:cut].rstrip(b"\r\n")
        if not (body and some) and len(rest) > LONGEST:
            why = f"a line of more than {LONGEST >> 20} MB; is this the right file?"
            raise DataError(worded(path, why, line=line, column=1, row=rest[:80].decode(encoding, "backslashreplace")))
        some = some or bool(body.strip())
        if body and some:
            cut = rest.index(b"\n", len(body)) + 1
            yield from _decoded(path, line, rest[:cut], encoding, bad)
            line += rest.count(b"\n", 0, cut)
            rest = rest[cut:]
        rest += chunk  # the last block is not cut, so that an odd quote does not break a row at its end
    some = some or bool(rest.strip())
    if not some:
        raise DataError(worded(path, "the file is empty; rows of text belong in it", line=1, column=1))
    if rest.strip(b"\r\n"):
        if not rest.endswith(b"\n"):
            if ends:
                last = line + rest.count(b"\n")
                text = rest[rest.rfind(b"\n") + 1 :].decode(encoding, "backslashreplace")
                why = "the file is truncated, its last line has no end; fetch it again, or end the line"
                raise DataError(worded(path, why, line=last, column=len(text) + 1, row=text, at=len(text)))
            rest += b"\n"
        yield from _decoded(path, line, rest.rstrip(b"\r\n") + b"\n", encoding, bad)


def _check_encoding(path: Path, encoding: str) -> None:
    try:
        plain = "\n|,0".encode(encoding) == b"\n|,0"
    except LookupError as e:
        raise DataError(f"{path}: unknown encoding {encoding!r}; for example utf-8, latin-1, cp1252") from e
    if not plain:
        raise DataError(f"{path}: {encoding} text cannot be read line by line; save it as UTF-8")


def positions(content: bytes, byte: bytes) -> Int[np.ndarray, "N"]:
    """Where a byte stands."""
    return np.flatnonzero(np.frombuffer(content, np.uint8) == byte[0])


def outside(content: bytes, byte: bytes, quote: bytes | None) -> Int[np.ndarray, "N"]:
    """Where a byte stands outside of quotes: an even number of them before it."""
    at = positions(content, byte)
    if not quote or quote not in content:
        return at
    return at[np.searchsorted(positions(content, quote), at) % 2 == 0]


def well_quoted(content: bytes, separator: bytes, quote: bytes) -> bool:
    """Whether quotes enclose whole fields, and those inside are doubled; the content ends with a line end."""
    if quote not in content:
        return True
    letters, at = np.frombuffer(content, np.uint8), positions(content, quote)
    if len(at) % 2:
        return False
    opens, closes, around = at[::2], at[1::2], list(separator + quote + b"\n")
    return bool(np.isin(letters[opens[opens > 0] - 1], around).all() and np.isin(letters[closes + 1], around).all())


def _cut(content: bytes, quote: bytes | None) -> int:
    """Where the last whole record ends."""
    last = content.rfind(b"\n") + 1
    if not quote or quote not in content:
        return last
    ends = outside(content, b"\n", quote)
    if len(ends):
        return int(ends[-1]) + 1
    return last if len(content) >= OPEN else 0  # a quote that nothing closes: readers name its row


def _chunks(path: Path, encoding: str) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(3)
            if encoding in UTF8:
                if head.startswith((b"\xff\xfe", b"\xfe\xff")):
                    row = (head + file.read(80)).decode(encoding, "backslashreplace")
                    why = "not utf-8 text but UTF-16, or no text; save it as UTF-8"
                    raise DataError(worded(path, why, line=1, column="1 (in bytes)", row=row))
                head = head.removeprefix(b"\xef\xbb\xbf")
            yield head
            while chunk := file.read(SIZE):
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as e:
        raise DataError(f"{path} cannot be decompressed ({e}); is it truncated?") from e
    except OSError as e:
        raise DataError(f"{path} cannot be read: {e.strerror}") from e


def _decoded(path: Path, line: int, content: bytes, encoding: str, bad: BadRows) -> Iterator[Block]:
    """The block as UTF-8 with plain line ends; lines that are no text of the encoding are refused one by one."""
    if b"\r\n" in content:
        content = content.replace(b"\r\n", b"\n")
    view, start = memoryview(content), 0
    while start < len(content):
        try:
            text = None if content.isascii() else str(view[start:], encoding)
        except UnicodeDecodeError as e:
            begin = content.rfind(b"\n", 0, start + e.start) + 1
            end = content.index(b"\n", begin) + 1
            if begin > start:
                good = str(view[start:begin], encoding).encode()
                yield Block(line, good)
                line += good.count(b"\n")
            row, at = content[begin : end - 1], start + e.start - begin
            why = f"byte 0x{row[at]:02x} is no {encoding} text; is this the right file, and the right encoding?"
            seen = len(row[:at].decode(encoding, "backslashreplace"))
            text = row.decode(encoding, "backslashreplace")
            bad.refuse(path, line, why, text, f"{at + 1} (in bytes)", at=seen)
            line, start = line + 1, end
        else:
            yield Block(line, content[start:] if text is None or encoding in UTF8 else text.encode())
            return
