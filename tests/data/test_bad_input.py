"""Every dataset of LOADERS, broken in each of the ways that its layout allows: the error names file, line and column,
and shows the row. A way that a layout does not allow says why."""

import ast
import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from layouts import WRITERS, Made, change, check_places, load, matrix

from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.files.layout import BadRows
from ssrec.data.source import Source
from ssrec.data.split import LeaveOneOut, cut
from ssrec.data.splits.given import Given
from ssrec.errors import DataError

WAYS = ("fields", "time", "encoding", "empty", "header", "spaces", "stranger")
NO_TIMES, NO_HEADER = "it has no times", "it has no header"
INTEGERS = "ids are integers, with nothing around them"
NO_PARTS = "its publisher gives no parts"
OTHER_SETTING = "parts are another setting, of which test_strangers knows"
BINARY = "it is no text"


@dataclass(frozen=True)
class Break:
    """The first `old` of a file becomes `new`; then the error names that line and column. Not `old` but all: empty."""

    file: str
    old: bytes
    new: bytes
    line: int | None
    column: str | None
    unit: str = "line"


def emptied(file: str, text: bool = True) -> Break:
    return Break(file, b"", b"", 1 if text else None, "1" if text else None)


def undecodable(file: str, old: bytes, new: bytes, line: int) -> Break:
    """The column is the place of the byte, which the test finds by itself."""
    return Break(file, old, new, line, None)


GRAPH = {
    "fields": Break("train.txt", b"\n1 ", b"\n\n1 ", 2, "1 (user)"),
    "time": NO_TIMES,
    "encoding": undecodable("train.txt", b"\n1 ", b"\n1\xff ", 2),
    "empty": emptied("train.txt"),
    "header": NO_HEADER,
    "spaces": INTEGERS,
    "stranger": Break("test.txt", b"\n1 ", b"\n77 ", 2, "1 (user)"),
}
MATRIX = {
    **dict.fromkeys(("fields", "time", "encoding", "header", "spaces"), BINARY),
    "empty": emptied("trnMat.npz", text=False),
    "stranger": Break("valMat.npz", b"", b"", 0, "13 (both counted from 0)", "row"),
}


def check_ins(file: str, end: bytes) -> dict[str, Break | str]:
    return {
        "fields": Break(file, b"\t" + end, b"", 1, "5 (item)"),
        "time": Break(file, b"T23:55", b"T25:55", 1, "2 (time)"),
        "encoding": undecodable(file, b"\t30.125", b"\t\xff.125", 1),
        "empty": emptied(file),
        "header": NO_HEADER,
        "spaces": Break(file, end + b"\n", end + b" \n", 1, "5 (item)"),
        "stranger": NO_PARTS,
    }


BREAKS: dict[str, dict[str, Break | str]] = {
    "sasrec-file": {
        "fields": Break("beauty.txt", b"2 6\n", b"2 6 7\n", 7, "3"),
        "time": NO_TIMES,
        "encoding": undecodable("beauty.txt", b"2 6\n", b"2 \xff\n", 7),
        "empty": emptied("beauty.txt"),
        "header": NO_HEADER,
        "spaces": INTEGERS,
        "stranger": NO_PARTS,
    },
    "s3rec-file": {
        "fields": Break("beauty.txt", b"\n2 6 2 13 9 5\n", b"\n2\n", 2, "2 (item)"),
        "time": NO_TIMES,
        "encoding": undecodable("beauty.txt", b"\n2 6 ", b"\n2 \xff ", 2),
        "empty": emptied("attributes.json"),
        "header": NO_HEADER,
        "spaces": INTEGERS,
        "stranger": NO_PARTS,
    },
    **dict.fromkeys(("lightgcn-files", "gowalla", "yelp2018", "amazon-book"), GRAPH),
    **dict.fromkeys(("sparse-matrix", "tiktok"), MATRIX),
    "mmrec": {
        "fields": Break("baby.inter", b"\t1000\t0", b"\t1000", 2, "5 (x_label)"),
        "time": Break("baby.inter", b"\t1000", b"\tnoon", 2, "4 (timestamp)"),
        "encoding": undecodable("baby.inter", b"\t1000", b"\t\xff", 2),
        "empty": emptied("baby.inter"),
        "header": Break("baby.inter", b"userID\titemID\trating\ttimestamp\tx_label\n", b"", 1, "timestamp"),
        "spaces": INTEGERS,
        "stranger": Break("baby.inter", b"\n0\t5\t", b"\n77\t5\t", 7, "1 (userID)"),
    },
    "recbole": {
        "fields": Break("ml.inter", b"\t881250949", b"", 2, "4 (timestamp:float)"),
        "time": Break("ml.inter", b"\t881250949", b"\tnoon", 2, "4 (timestamp:float)"),
        "encoding": undecodable("ml.item", b"The 1th", b"The \xff1th", 2),
        "empty": emptied("ml.user"),
        "header": Break("ml.inter", b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n", b"", 1, "1 (u1)"),
        "spaces": Break("ml.inter", b"u1\ti8", b"u1 \ti8", 3, "1 (user_id:token)"),
        "stranger": OTHER_SETTING,
    },
    "lastfm": {
        "fields": Break("user_artists.dat", b"1\t1\t101", b"1\t1", 2, "3 (weight)"),
        "time": NO_TIMES,
        "encoding": undecodable("artists.dat", b"Artist", b"\xe9rtist", 2),
        "empty": emptied("tags.dat"),
        "header": Break("user_artists.dat", b"userID\tartistID\tweight\r\n", b"", 1, "userID"),
        "spaces": INTEGERS,
        "stranger": NO_PARTS,
    },
    "gowalla-checkins": check_ins("loc-gowalla_totalCheckins.txt.gz", b"7"),
    "brightkite-checkins": check_ins("loc-brightkite_totalCheckins.txt.gz", b"%032x" % 1),
    "yelp": {
        "fields": Break("yelp_academic_dataset_review.json", b'"user_id": "u-1", ', b"", 1, "user_id"),
        "time": Break("yelp_academic_dataset_review.json", b'"2018-07-07 22:00:11"', b'"noon"', 1, "date"),
        "encoding": undecodable("yelp_academic_dataset_review.json", b'"r0"', b'"\xff"', 1),
        "empty": emptied("yelp_academic_dataset_business.json"),
        "header": NO_HEADER,
        "spaces": Break(
            "yelp_academic_dataset_review.json", b'"r1", "user_id": "u-1"', b'"r1", "user_id": "u-1 "', 2, "user_id"
        ),
        "stranger": NO_PARTS,
    },
    "steam": {
        "fields": Break("steam_reviews.json.gz", b"u'product_id': u'10', ", b"", 1, "product_id"),
        "time": Break("steam_reviews.json.gz", b"u'2017-12-01'", b"u'noon'", 1, "date"),
        "encoding": undecodable("steam_reviews.json.gz", b"u'hours'", b"u'\xff'", 1),
        "empty": emptied("steam_games.json.gz"),
        "header": NO_HEADER,
        "spaces": Break("steam_reviews.json.gz", b"u'80'", b"u'80 '", 2, "product_id"),
        "stranger": NO_PARTS,
    },
    "goodbooks-10k": {
        "fields": Break("ratings.csv", b"1,1,2\n", b"1,1\n", 2, "3 (rating)"),
        "time": NO_TIMES,
        "encoding": undecodable("books.csv", b"Title", b"T\xfftle", 2),
        "empty": emptied("book_tags.csv"),
        "header": Break("ratings.csv", b"user_id,book_id,rating\n", b"", 1, "user_id"),
        "spaces": INTEGERS,
        "stranger": NO_PARTS,
    },
    "mind-small": {
        "fields": Break("MINDsmall_train/behaviors.tsv", b"\t\t", b"\t", 2, "5 (shown)"),
        "time": Break("MINDsmall_train/behaviors.tsv", b"11/11/2019 9:05:58 AM", b"noon", 1, "3 (time)"),
        "encoding": undecodable("MINDsmall_train/news.tsv", b"About 1", b"Ab\xffut 1", 1),
        "empty": emptied("MINDsmall_dev/news.tsv"),
        "header": NO_HEADER,
        "spaces": Break("MINDsmall_train/behaviors.tsv", b"3\tU1\t", b"3\tU1 \t", 3, "2 (user)"),
        "stranger": Break("MINDsmall_dev/behaviors.tsv", b"\tN2 N9\t", b"\t\t", 1, "2 (user)"),
    },
    "table": {
        "fields": Break("events.csv", b",1500000000,", b",", 2, "4 (stars)"),
        "time": Break("events.csv", b"1500000000", b"noon", 2, "3 (time)"),
        "encoding": undecodable("items.tsv", b"Item 1", b"It\xffm 1", 2),
        "empty": emptied("users.parquet", text=False),
        "header": Break("events.csv", b"user,item,time,stars\n", b"", 1, "1"),
        "spaces": Break("events.csv", b'u1,"8"', b'u1 ,"8"', 3, "1 (user)"),
        "stranger": OTHER_SETTING,
    },
}
CASES = [(name, way) for name, ways in BREAKS.items() for way, how in ways.items() if isinstance(how, Break)]


def test_no_loader_and_no_way_is_forgotten():
    assert set(BREAKS) == set(WRITERS)
    for name, ways in BREAKS.items():
        assert tuple(ways) == WAYS or set(ways) == set(WAYS), name
        assert all(ways.values())


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_said_not_to_apply_does_not(name, tmp_path, monkeypatch):
    source, _ = load(name, tmp_path / "files", monkeypatch)
    ways = BREAKS[name]
    assert (ways["time"] in (NO_TIMES, BINARY)) == ("times" not in source.offers)
    if "parts" in source.offers:
        assert isinstance(ways["stranger"], Break)
    events = source.read(source.files(tmp_path), BadRows()).interactions.lazy().collect()
    texts = [column for column in ("user", "item") if not events.schema[column].is_integer()]
    assert not texts or isinstance(ways["spaces"], Break)


def content(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def broken(folder: Path, how: Break, made: Made) -> tuple[Path, str | None, str | None]:
    """The file, the row that an error should show, and its column."""
    file = folder / how.file
    if how.unit == "row":  # a user of the test matrix loses her training events
        entries = [(e["user"], e["item"], 1.0) for e in made.events if e["part"] == "train" and e["user"] != 0]
        matrix(folder / "trnMat.npz", entries, (12, 17))
        return file, "(0, 13) 1", how.column
    if not how.old:
        file.write_bytes(b"")
        return file, None, how.column
    change(file, how.old, how.new)
    row = content(file).split(b"\n")[(how.line or 1) - 1].removesuffix(b"\r")
    column = how.column
    if column is None:
        at = next(k for k, byte in enumerate(row) if byte in b"\xff\xe9" and not _is_utf8(row[k : k + 2]))
        column = f"{at + 1} (in bytes)"
    return file, row.decode(errors="backslashreplace"), column


def _is_utf8(two: bytes) -> bool:
    try:
        return bool(two.decode())
    except UnicodeDecodeError:
        return False


def use(source: Source, folder: Path) -> None:
    cut(Given() if "parts" in source.offers else LeaveOneOut(), prepare(source, Cleaning(), folder))


@pytest.mark.parametrize("name, way", CASES)
def test_file_line_column_and_row_are_named(name, way, tmp_path, monkeypatch):
    settings = {"without_history": "error"} if way == "stranger" else {}
    source, made = load(name, tmp_path / "files", monkeypatch, **settings)
    use(source, tmp_path / "whole")  # nothing is wrong before
    how = BREAKS[name][way]
    assert isinstance(how, Break)
    file, row, column = broken(tmp_path / "files", how, made)
    with pytest.raises(DataError) as refused:
        use(source, tmp_path / "broken")
    said = str(refused.value)
    assert len(said.splitlines()) == 1
    place = f"{file.name}" + (f", {how.unit} {how.line}, column {column}: " if column else ": ")
    assert re.match(rf"\S*{re.escape(place)}", said), said
    if row is None:
        assert "the file is empty" in said
        return
    shown, row = ast.literal_eval(said.rpartition(", in row ")[2]), row.replace('"', "") if way == "header" else row
    assert shown.removeprefix("...").removesuffix("...") in row and len(shown) >= min(len(row), 70)


SKIPPED = ("fields", "time", "encoding")


@pytest.mark.parametrize("name, way", [(name, way) for name, way in CASES if way in SKIPPED])
def test_the_same_place_is_noted_where_bad_rows_are_skipped(name, way, tmp_path, monkeypatch):
    counts = dict.fromkeys(setting for setting in WRITERS[name](tmp_path).settings if setting.endswith("_events"))
    source, made = load(name, tmp_path / "files", monkeypatch, **counts)
    files = source.files(tmp_path / "raw")
    how = BREAKS[name][way]
    assert isinstance(how, Break)
    file, row, column = broken(tmp_path / "files", how, made)
    bad = BadRows("skip")
    source.read(files, bad)
    (noted,) = bad.rows
    assert (noted.file, noted.line, noted.column, noted.row) == (str(file), how.line, column, row)


@pytest.mark.parametrize("name", WRITERS)
def test_places_are_where_rows_stand(name, tmp_path, monkeypatch):
    source, _ = load(name, tmp_path / "files", monkeypatch)
    check_places(source.read(source.files(tmp_path), BadRows()))
