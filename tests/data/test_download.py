"""Raw files are found where the user says, or fetched whole and verified."""

import hashlib
import io
import zipfile

import pytest

from ssrec.data.download import Publication, Remote, locate
from ssrec.errors import DataError


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)


def published(tmp_path, **change) -> Publication:
    """A publisher with an archive that holds a and b, and a file c."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("toy/a", "A" * 200_000)
        archive.writestr("toy/b", "B")
        archive.writestr("../../evil", "E")
    (tmp_path / "site").mkdir(exist_ok=True)
    remotes = []
    for name, data, files in (("toy.zip", content.getvalue(), ("a", "b")), ("c", b"C", ("c",))):
        (tmp_path / "site" / name).write_bytes(data)
        checksum = "sha256:" + hashlib.sha256(data).hexdigest()
        remotes.append(Remote((tmp_path / "site" / name).as_uri(), checksum, files))
    given = {"folder": "toy", "files": ("a", "b", "c"), "licence": "toys are free", "remotes": tuple(remotes)}
    return Publication(**{**given, **change})


def fill(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("mine")
    return folder


def test_root_then_data_folder_then_fetched(tmp_path, monkeypatch):
    toy, raw = published(tmp_path), tmp_path / "raw"
    fill(raw / "toy", "a", "b", "c")
    assert locate(toy, root=None, download=False, raw=raw) == [raw / "toy" / x for x in "abc"]
    monkeypatch.setenv("SSREC_DATA", str(fill(tmp_path / "data")))
    assert locate(toy, root=None, download=False, raw=raw)[0].parent == raw / "toy"
    own = fill(tmp_path / "data" / "toy", "a", "b", "c")
    assert locate(toy, root=None, download=False, raw=raw)[0].parent == own
    root = fill(tmp_path / "root", "a", "b", "c")
    assert locate(toy, root=str(root), download=False, raw=raw)[0].parent == root


def test_fetches_verifies_and_says_the_licence(tmp_path, capsys):
    raw = tmp_path / "raw"
    files = locate(published(tmp_path), root=None, download=True, raw=raw)
    assert [file.read_text() for file in files] == ["A" * 200_000, "B", "C"]
    assert sorted(x.name for x in (raw / "toy").iterdir()) == ["a", "b", "c"]  # no archive, no .part, nothing outside
    said = capsys.readouterr().err
    assert "toys are free" in said and "toy.zip" in said and "100%" in said
    assert locate(published(tmp_path), root=None, download=True, raw=raw) == files
    assert capsys.readouterr().err == ""


def test_only_what_lacks_is_fetched(tmp_path, capsys):
    raw = tmp_path / "raw"
    fill(raw / "toy", "a", "b")
    files = locate(published(tmp_path), root=None, download=True, raw=raw)
    assert [file.read_text() for file in files] == ["mine", "mine", "C"]
    assert "toy.zip" not in capsys.readouterr().err


def test_a_broken_download_is_never_data(tmp_path):
    toy, raw = published(tmp_path), tmp_path / "raw"
    archive = tmp_path / "site" / "toy.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"gave sha256 .* is published: a broken download") as e:
        locate(toy, root=None, download=True, raw=raw)
    assert "dataset.root" in str(e.value) and "SSREC_DATA" in str(e.value)
    assert list((raw / "toy").iterdir()) == []
    fill(raw / "toy" / "x.part", "a", "b", "c")  # what a killed process leaves
    with pytest.raises(DataError, match="broken download"):
        locate(toy, root=None, download=True, raw=raw)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/toy.zip", "file:///nowhere/toy.zip"])
def test_no_connection(tmp_path, url):
    toy = published(tmp_path, remotes=(Remote(url, "md5:0", ("a", "b", "c")),))
    with pytest.raises(DataError, match=r"toy\.zip cannot be fetched: .*\nSet dataset\.root"):
        locate(toy, root=None, download=True, raw=tmp_path / "raw")


def test_nothing_there(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    with pytest.raises(DataError, match=r"toy: a, b, c not found in .*dataset\.download=false"):
        locate(published(tmp_path), root=None, download=False, raw=raw)
    with pytest.raises(DataError, match="no publisher offers them"):
        locate(published(tmp_path, remotes=()), root=None, download=True, raw=raw)
    with pytest.raises(DataError, match=r"dataset\.root=/nowhere is no folder"):
        locate(published(tmp_path), root="/nowhere", download=True, raw=raw)
    with pytest.raises(DataError, match="root lacks b, c"):
        locate(published(tmp_path), root=str(fill(tmp_path / "root", "a")), download=True, raw=raw)
    monkeypatch.setenv("SSREC_DATA", "/nowhere")
    with pytest.raises(DataError, match="SSREC_DATA=/nowhere is no folder"):
        locate(published(tmp_path), root=None, download=True, raw=raw)
    monkeypatch.setenv("SSREC_DATA", str(tmp_path))
    fill(tmp_path / "toy", "c")
    with pytest.raises(DataError, match="toy lacks a, b"):
        locate(published(tmp_path), root=None, download=True, raw=raw)
    assert not raw.exists()
