"""Raw files are found where the user says, or fetched whole and verified."""

import gzip
import hashlib
import io
import zipfile

import pytest

from ssrec.data.files.download import Publication, Remote, locate
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


def test_without_a_checksum_the_archive_speaks_for_itself(tmp_path, capsys):
    site, raw = tmp_path / "site", tmp_path / "raw"
    whole = published(tmp_path)
    unknown = tuple(Remote(r.url, None, r.files) for r in whole.remotes)
    toy = published(tmp_path, remotes=unknown)
    good = (site / "toy.zip").read_bytes()
    middle = good.index(b"A" * 100)
    for broken, why in (
        (good[:-30], "not a zip file"),
        (b"<html>sorry</html>", "not a zip file"),
        (good[:middle] + b"B" + good[middle + 1 :], "Bad CRC-32"),
        (good.replace(b"toy/b", b"toy/d"), "an archive without b"),
    ):
        (site / "toy.zip").write_bytes(broken)
        with pytest.raises(DataError, match=rf"toy\.zip gave .*{why}.*: a broken download or another version"):
            locate(toy, root=None, download=True, raw=raw)
        assert list((raw / "toy").iterdir()) == []
    (site / "toy.zip").write_bytes(good)
    capsys.readouterr()
    assert locate(toy, root=None, download=True, raw=raw)[0].read_text() == "A" * 200_000
    assert "No checksum of it is known" in capsys.readouterr().err


def test_a_gzipped_file_is_kept_as_it_is(tmp_path):
    content = gzip.compress(b"rows\n" * 1000)
    site = tmp_path / "rows.csv.gz"
    toy = published(tmp_path, files=("rows.csv.gz",), remotes=(Remote(site.as_uri(), None, ("rows.csv.gz",)),))
    for broken in (content[:-9], content[:20] + b"x" + content[21:], content[:-8] + b"0000" + content[-4:], b"rows\n"):
        site.write_bytes(broken)
        with pytest.raises(DataError, match=r"rows\.csv\.gz gave .*: a broken download"):
            locate(toy, root=None, download=True, raw=tmp_path / "raw")
    site.write_bytes(content)
    [file] = locate(toy, root=None, download=True, raw=tmp_path / "raw")
    assert file.name == "rows.csv.gz" and file.read_bytes() == content


def test_gzipped_or_not(tmp_path):
    toy = published(tmp_path, files=("rows.csv", "names.gz"))
    root = fill(tmp_path / "root", "rows.csv.gz", "names")
    assert [f.name for f in locate(toy, root=str(root), download=False, raw=tmp_path)] == ["rows.csv.gz", "names"]
    fill(root, "rows.csv")
    assert [f.name for f in locate(toy, root=str(root), download=False, raw=tmp_path)] == ["rows.csv", "names"]


def test_a_publishers_subfolder(tmp_path):
    site = tmp_path / "rows.csv.gz"
    site.write_bytes(gzip.compress(b"rows\n"))
    name = "raw/a/rows.csv.gz"
    toy = published(tmp_path, files=(name,), remotes=(Remote(site.as_uri(), None, (name,)),))
    [file] = locate(toy, root=None, download=True, raw=tmp_path / "raw")
    assert file == tmp_path / "raw" / "toy" / name and file.read_bytes() == site.read_bytes()
    for own in ("raw/a/rows.csv", "rows.csv.gz", "rows.csv"):
        root = tmp_path / "roots" / own.replace("/", "-")
        (root / own).parent.mkdir(parents=True)
        fill(root, own)
        assert locate(toy, root=str(root), download=False, raw=tmp_path) == [root / own]


def test_a_full_disk_is_no_broken_file(tmp_path):
    toy, raw = published(tmp_path), tmp_path / "raw"
    fill(raw / "toy" / "b")  # a folder where a file should go
    with pytest.raises(DataError, match=r"was fetched to .*toy\.zip\.part and cannot be put in place"):
        locate(toy, root=None, download=True, raw=raw)
    (raw / "toy" / "b").rmdir()
    assert locate(toy, root=None, download=True, raw=raw)[1].read_text() == "B"
    assert sorted(x.name for x in (raw / "toy").iterdir()) == ["a", "b", "c"]
