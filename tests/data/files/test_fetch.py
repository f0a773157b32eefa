"""A broken download goes on where it stopped, on servers of every kind; two processes do not harm each other."""

import hashlib
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ssrec.data.files import fetch as module
from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.fetch import fetch, forget

CONTENT = bytes(k * k % 251 for k in range(300_000))
CUT = 120_000  # bytes after which the connection breaks


class Site(ThreadingHTTPServer):
    """Serves one content; breaks the connection in the first `cuts` answers; remembers what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.cuts = 0
        self.ranges = True
        self.headers: dict[str, str] = {"ETag": '"one"'}
        self.says_length = True
        self.stall: threading.Event | None = None
        self.asked: list[str | None] = []
        self.lies = False  # answers a range with another one
        self.url = f"http://127.0.0.1:{self.server_port}/rows.csv"


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        site, wanted = self.server, self.headers.get("Range")
        site.asked.append(wanted)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
        validators = (site.headers.get("ETag"), site.headers.get("Last-Modified"))
        same = self.headers.get("If-Range") in (*validators, None)
        total = len(site.content)
        if not (wanted and site.ranges and same):
            start = 0
            self.send_response(200)
        elif start >= total:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            self.end_headers()
            return
        else:
            start -= site.lies
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        for name, value in site.headers.items():
            self.send_header(name, value)
        if site.says_length:
            self.send_header("Content-Length", str(total - start))
        self.end_headers()
        if site.stall:
            self.wfile.write(site.content[start:CUT])
            self.wfile.flush()
            site.stall.wait(20)
            return
        cut, site.cuts = site.cuts > 0, max(0, site.cuts - 1)
        self.wfile.write(site.content[start : start + CUT] if cut else site.content[start:])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def part(tmp_path) -> Path:
    return tmp_path / "rows.csv.part"


def begin(site: Site, part: Path, monkeypatch, **change) -> None:
    """A download that stops after CUT bytes of what the site offers now."""
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    site.cuts = 1
    with pytest.raises(OSError, match="the connection broke 1 times; 120,000 bytes are kept"):
        fetch(site.url, part, verified=True)
    assert part.read_bytes() == site.content[:CUT]
    monkeypatch.setattr(module, "ATTEMPTS", 5)
    site.asked.clear()
    for name, value in change.items():
        setattr(site, name, value)


def test_a_broken_connection_is_tried_again(site, part):
    site.cuts = 2
    fetch(site.url, part, verified=False)
    assert part.read_bytes() == CONTENT
    assert site.asked == [None, "bytes=120000-", "bytes=240000-"]
    forget(part)
    assert list(part.parent.iterdir()) == []


def test_a_later_call_goes_on(site, part, monkeypatch):
    begin(site, part, monkeypatch)
    fetch(site.url, part, verified=False)
    assert part.read_bytes() == CONTENT and site.asked == ["bytes=120000-"]


@pytest.mark.parametrize(
    "before, change, asked",
    [
        ({}, {"ranges": False}, ["bytes=120000-"]),  # a server that knows no ranges
        ({}, {"headers": {"ETag": '"two"'}, "content": CONTENT[::-1]}, ["bytes=120000-"]),  # another version
        ({}, {"headers": {"ETag": '"two"'}, "content": CONTENT[:CUT][::-1]}, ["bytes=120000-"]),  # a shorter one
        ({"headers": {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}}, {}, ["bytes=120000-"]),
        ({"headers": {"ETag": 'W/"one"'}}, {}, ["bytes=120000-"]),  # no validator: the checksum will tell
        ({"headers": {}}, {"content": CONTENT + b"more"}, ["bytes=120000-", None]),  # another length
        ({"headers": {}}, {"content": CONTENT[:99]}, ["bytes=120000-", None]),
        ({}, {"lies": True}, ["bytes=120000-", None]),
        ({}, {"cuts": 1, "ranges": False}, ["bytes=120000-", "bytes=120000-"]),
    ],
)
def test_never_a_mixture(site, part, monkeypatch, before, change, asked):
    for name, value in before.items():
        setattr(site, name, value)
    begin(site, part, monkeypatch, **change)
    fetch(site.url, part, verified=True)
    assert part.read_bytes() == site.content
    assert site.asked == asked


def test_without_validator_and_checksum_it_starts_over(site, part, monkeypatch):
    site.headers = {}
    begin(site, part, monkeypatch, content=CONTENT[::-1])
    fetch(site.url, part, verified=False)
    assert part.read_bytes() == CONTENT[::-1] and site.asked == [None]


@pytest.mark.parametrize(
    "note", [None, b"", b"{}", b"[1]", b'{"url": "http://elsewhere", "validator": "a", "length": 1}']
)
def test_a_beginning_of_unknown_origin_starts_over(site, part, monkeypatch, note):
    begin(site, part, monkeypatch)
    of = part.with_name(part.name + ".json")
    of.unlink() if note is None else of.write_bytes(note)
    fetch(site.url, part, verified=True)
    assert part.read_bytes() == CONTENT and site.asked == [None]


def test_whole_but_not_yet_in_place(site, part, monkeypatch):
    begin(site, part, monkeypatch)
    part.write_bytes(CONTENT)  # killed after the last byte
    fetch(site.url, part, verified=True)
    assert part.read_bytes() == CONTENT and site.asked == ["bytes=300000-"]


def test_without_a_length_the_end_of_the_connection_is_the_end(site, part):
    site.says_length = False
    fetch(site.url, part, verified=True)
    assert part.read_bytes() == CONTENT


def test_it_gives_up(site, part):
    site.cuts, site.ranges = 99, False
    with pytest.raises(OSError, match="broke 5 times; 120,000 bytes are kept, asking again goes on there"):
        fetch(site.url, part, verified=True)
    assert len(site.asked) == 5


def toy(site: Site) -> Publication:
    checksum = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    return Publication("toy", ("rows.csv",), "free", (Remote(site.url, checksum, ("rows.csv",)),))


SCRIPT = """
    import sys
    from pathlib import Path
    from ssrec.data.files.download import Publication, Remote, locate
    url, checksum, raw = sys.argv[1:]
    toy = Publication("toy", ("rows.csv",), "free", (Remote(url, checksum, ("rows.csv",)),))
    print(locate(toy, root=None, download=True, raw=Path(raw))[0].stat().st_size)
"""


def process(site: Site, raw: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), site.url, toy(site).remotes[0].checksum, str(raw)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("waited in vain")


def test_a_killed_process_leaves_what_the_next_one_continues(site, tmp_path, monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)
    site.stall, part = threading.Event(), tmp_path / "toy" / "rows.csv.part"
    killed = process(site, tmp_path)
    wait_for(lambda: part.exists() and part.stat().st_size > 0)
    killed.kill()
    killed.communicate()
    site.stall.set()
    site.stall = None
    assert not (tmp_path / "toy" / "rows.csv").exists()
    [file] = locate(toy(site), root=None, download=True, raw=tmp_path)
    assert file.read_bytes() == CONTENT and site.asked == [None, "bytes=65536-"]
    assert [x.name for x in (tmp_path / "toy").iterdir()] == ["rows.csv"]


def test_two_processes_fetch_once(site, tmp_path, monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)
    site.stall = threading.Event()
    one = process(site, tmp_path)
    wait_for(lambda: site.asked)
    two = process(site, tmp_path)
    assert two.stderr is not None
    assert "another process is fetching" in two.stderr.readline()
    stall, site.stall = site.stall, None
    stall.set()  # the first connection breaks in the middle, too
    for one_or_two in (one, two):
        out, err = one_or_two.communicate(timeout=30)
        assert out == "300000\n", err
    assert site.asked == [None, "bytes=120000-"]
