"""MovieLens: a made-up copy of every published layout is read right, broken copies are named, the real one counts."""

import dataclasses
import gzip
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import check_places
from omegaconf import OmegaConf

from ssrec.data.files.layout import BadRows
from ssrec.data.source import Tables
from ssrec.data.sources.movielens import EDITIONS, MovieLens
from ssrec.data.sources.movielens_files import GENRES, Counts
from ssrec.errors import CompositionError, DataError

CONF = Path(__file__).parents[3] / "conf" / "dataset"
NAMES = ["unknown", *(f"Genre-{g}" for g in range(1, GENRES))]
USERS, MOVIES, RATINGS = 7, 12, 60
EVENTS = [(k % USERS + 1, (k * 5) % MOVIES + 1, k % 5 + 1, 880_000_000 + k * 13 % 1000) for k in range(RATINGS)]


def write_100k(folder: Path) -> None:
    (folder / "u.data").write_text("".join(f"{u}\t{i}\t{r}\t{t}\n" for u, i, r, t in EVENTS))
    flags = ["|".join("1" if i % (g + 2) == 0 else "0" for g in range(GENRES)) for i in range(1, MOVIES + 1)]
    movies = [f"{i}|Title é, {i} ({1990 + i})|01-Jan-1995||http://x|{f}\n" for i, f in enumerate(flags, 1)]
    (folder / "u.item").write_bytes("".join(movies).encode("latin-1"))
    (folder / "u.genre").write_text("".join(f"{name}|{g}\n" for g, name in enumerate(NAMES)) + "\n\n")
    users = [f"{u}|{20 + u}|{'MF'[u % 2]}|writer|0{u}\n" for u in range(1, USERS + 1)]
    (folder / "u.user").write_text("".join(users))


def write_1m(folder: Path) -> None:
    (folder / "ratings.dat").write_text("".join(f"{u}::{i}::{r}::{t}\n" for u, i, r, t in EVENTS))
    movies = "".join(f"{i}::Title é, {i} ({1990 + i})::{'|'.join(NAMES[1:i])}\n" for i in range(1, MOVIES + 1))
    (folder / "movies.dat").write_bytes(movies.encode("latin-1"))
    users = [f"{u}::{'MF'[u % 2]}::{20 + u}::{u}::0{u}\n" for u in range(1, USERS + 1)]
    (folder / "users.dat").write_text("".join(users))


def write_10m(folder: Path) -> None:
    (folder / "ratings.dat").write_text("".join(f"{u}::{i}::{r - 0.5:g}::{t}\n" for u, i, r, t in EVENTS))
    movies = "".join(f"{i}::Title é: {i} ({1990 + i})::{_genres(i)}\n" for i in range(1, MOVIES + 1))
    (folder / "movies.dat").write_text(movies, encoding="utf-8")


def write_csv(folder: Path) -> None:
    rows = "".join(f"{u},{i},{r - 0.5},{t}\r\n" for u, i, r, t in EVENTS)
    (folder / "ratings.csv").write_bytes(("userId,movieId,rating,timestamp\r\n" + rows).encode())
    movies = "".join(f'{i},"Title é, ""{i}"" ({1990 + i})",{_genres(i)}\n' for i in range(1, MOVIES + 1))
    (folder / "movies.csv").write_text("movieId,title,genres\n" + movies, encoding="utf-8")


def _genres(i: int) -> str:
    return "|".join(NAMES[1:i]) or "(no genres listed)"


WRITERS: dict[str, Callable[[Path], None]] = {
    "100k": write_100k,
    "1m": write_1m,
    "10m": write_10m,
    **dict.fromkeys(("20m", "25m", "32m", "latest-small"), write_csv),
}
LAYOUTS = ["100k", "1m", "10m", "20m"]


PUBLISHED = dict(EDITIONS)


@pytest.fixture(autouse=True)
def small_editions(monkeypatch):
    """The counts of the made-up copies, where an edition has published ones."""
    for name, edition in PUBLISHED.items():
        n = edition.counts
        small = Counts(n.ratings and RATINGS, n.movies and MOVIES, n.users and USERS)
        monkeypatch.setitem(EDITIONS, name, dataclasses.replace(edition, counts=small))


@pytest.fixture
def folder(tmp_path) -> Callable[[str], Path]:
    def written(edition: str) -> Path:
        WRITERS[edition](tmp_path)
        return tmp_path

    return written


def read(edition: str, folder: Path, mode="error") -> Tables:
    source, bad = MovieLens(edition=edition, root=str(folder)), BadRows(mode)
    tables = source.read(source.files(Path("nowhere")), bad)
    assert mode == "skip" or not bad.rows
    return tables


def frame(table: pl.DataFrame | pl.LazyFrame | None) -> pl.DataFrame:
    assert isinstance(table, pl.DataFrame)
    return table


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_edition(edition, folder):
    tables = read(edition, folder(edition))
    halves = 0.0 if edition in ("100k", "1m") else 0.5
    events, items = frame(tables.interactions), frame(tables.items)
    assert events.rows() == [(u, i, t, r - halves) for u, i, r, t in EVENTS]
    assert events.schema == {"user": pl.Int64, "item": pl.Int64, "time": pl.Int64, "weight": pl.Float64}
    for i, title, attributes, year in items.iter_rows():
        expected = {"100k": "Title é, {0} ({1})", "1m": "Title é, {0} ({1})", "10m": "Title é: {0} ({1})"}
        assert title == expected.get(edition, 'Title é, "{0}" ({1})').format(i, 1990 + i)
        wanted = [n for g, n in enumerate(NAMES) if i % (g + 2) == 0] if edition == "100k" else NAMES[1:i]
        assert attributes == wanted and year == 1990 + i
    assert items["item"].to_list() == list(range(1, MOVIES + 1))
    users = frame(tables.users).columns[1:] if edition in ("100k", "1m") else []
    assert MovieLens(edition=edition).offers == {"times", "weights", *items.columns[1:], *(f"user.{c}" for c in users)}
    assert users or tables.users is None


@pytest.mark.parametrize("edition, occupation", [("100k", "writer"), ("1m", "3")])
def test_users(edition, occupation, folder):
    users = frame(read(edition, folder(edition)).users)
    assert len(users) == USERS
    assert users.row(2, named=True) == {
        "user": 3, "gender": ["F"], "age": 23, "occupation": [occupation], "zip": ["03"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "title, year",
    [("Toy Story (1995)", 1995), ("unknown", None), ("Death Note (2006-2007)", 2006), ("9 (1999) (2009) ", 2009),
     ("(500) Days", None), ("1984", None), ("Babylon 5", None), ("X (Y, 1981)", None)],
)  # fmt: skip
def test_years(title, year, folder):
    place = folder("20m")
    (place / "movies.csv").write_text(f'movieId,title,genres\n1,"{title}",Drama\n' + "2,b,c\n" * (MOVIES - 1))
    assert frame(read("20m", place).items)["year"][0] == year


def test_published_counts_are_those_of_the_readmes():
    wanted = {"100k": 100_000, "1m": 1_000_209, "10m": 10_000_054, "20m": 20_000_263, "25m": 25_000_095}
    wanted |= {"32m": 32_000_204, "latest-small": None}
    assert {name: edition.counts.ratings for name, edition in PUBLISHED.items()} == wanted


def test_settings_know_no_place_and_names_are_editions():
    assert MovieLens(edition="1m", root="/x").settings == MovieLens(edition="1m", download=False).settings
    assert MovieLens(edition="latest-small").name == "ml-latest-small"
    with pytest.raises(CompositionError, match=r"dataset\.edition=2m: choose one of 100k, 1m, 10m"):
        MovieLens(edition="2m")


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_edition_has_a_yaml_of_its_name(edition):
    source = instantiate(OmegaConf.load(CONF / f"ml-{edition}.yaml"))
    assert source == MovieLens(edition=edition) and source.name == f"ml-{edition}"


def test_gzipped_files(folder):
    place = folder("20m")
    wanted = read("20m", place)
    (place / "ratings.csv.gz").write_bytes(gzip.compress((place / "ratings.csv").read_bytes()))
    (place / "ratings.csv").unlink()
    assert frame(read("20m", place).interactions).equals(frame(wanted.interactions))


BROKEN = [
    ("100k", "u.data", b"3\t11\t3\t", b"3\t11\t", r"line 3, column 4 .time.: missing; a row has 4"),
    ("100k", "u.data", b"3\t11\t3\t", b"3\tx\t3\t", r"line 3, column 2 \(.+\): 'x' is no integer, in row '3.tx.t3"),
    ("100k", "u.data", b"3\t11\t3\t", b"3\t11\t9\t", r"line 3, column 3 \(.+\): a rating is 1 to 5, not 9"),
    ("100k", "u.item", b"5|Title", b"5|Ti|tle", r"line 5, column 25: 1 field too many; a row has 24 fields"),
    ("100k", "u.item", b"1|Title", b"one|Title", r"line 1, column 1 \(.+\): 'one' is no integer"),
    ("100k", "u.item", b"|0|0\n", b"|0|2\n", r"line 1, column 24 \(.+\): .* is 0 to 1, not 2"),
    ("100k", "u.genre", b"Genre-3|3", b"Genre-3", r"line 4, column 2 .number.: missing"),
    ("100k", "u.genre", b"Genre-3|3\n", b"", r"u\.genre is truncated: 18 of 19 rows"),
    ("100k", "u.genre", b"Genre-3|3", b"Genre-3|4", r"u\.genre should number its genres 0 to 18"),
    ("100k", "u.user", b"2|22|", b"2|old|", r"line 2, column 2 \(.+\): 'old' is no integer"),
    ("1m", "ratings.dat", b"3::11::", b"3:11::", r"line 3, column 4 .time.: missing; .* by '::'"),
    ("1m", "ratings.dat", b"::3::880", b"::0.5::880", r"line 3, column 3 \(.+\): a rating is 1 to 5, not 0\.5"),
    ("1m", "users.dat", b"7::F", b"7::F::F", r"line 7, column 6: 1 field too many"),
    ("10m", "ratings.dat", b"::2.5::880", b"::5.5::880", r"line 3, column 3 \(.+\): a rating is 0\.5 to 5, not 5\.5"),
    ("10m", "movies.dat", "é".encode(), b"\xe9", r"line 1, column \d+ \(in bytes\): (byte 0x.. is no|not) utf-8 text"),
    ("20m", "ratings.csv", b"timestamp", b"time", r"line 1, column timestamp: missing in the header"),
    ("20m", "ratings.csv", b"3,11,2.5", b"3,11,nan", r"line 4, column 3 \(.+\): 'nan' is no finite number"),
    ("20m", "ratings.csv", b"3,11,2.5", b"3,11,2.5.1", r"line 4, column 3 \(.+\): '2\.5\.1' is no finite number"),
    ("20m", "movies.csv", b'5,"Title', b"5,Title", r"line 6"),
    ("20m", "movies.csv", b'5,"Title', b'5,5,"Title', r"line 6, column 4: 1 field too many"),
]  # fmt: skip


@pytest.mark.parametrize("edition, name, old, new, message", BROKEN)
def test_a_broken_row_is_named(edition, name, old, new, message, folder):
    file = folder(edition) / name
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))
    with pytest.raises(DataError, match=message) as e:
        read(edition, file.parent)
    assert name in str(e.value)


def test_a_bad_row_can_be_skipped(folder):
    place = folder("20m")
    file = place / "ratings.csv"
    file.write_bytes(file.read_bytes().replace(b"3,11,2.5", b"3,11,nan", 1))
    source, bad = MovieLens(edition="20m", root=str(place)), BadRows("skip")
    assert len(frame(source.read(source.files(place), bad).interactions)) == RATINGS - 1
    assert [(Path(row.file).name, row.line, row.column) for row in bad.rows] == [("ratings.csv", 4, "3 (rating)")]


@pytest.mark.parametrize("edition", LAYOUTS)
def test_wrong_files(edition, folder):
    place = folder(edition)
    contents = {name: (place / name).read_bytes() for name in EDITIONS[edition].files}
    for name, content in contents.items():
        for other in (b"", bytes(range(256)) * 100, *contents.values()):
            if other != content:
                (place / name).write_bytes(other)
                with pytest.raises(DataError, match=rf"{name}[ ,:]"):
                    read(edition, place)
        (place / name).write_bytes(content)


@settings(max_examples=40, deadline=None)
@given(edition=st.sampled_from(LAYOUTS), data=st.data())
def test_no_cut_goes_unnoticed(edition, data):
    with tempfile.TemporaryDirectory() as place:
        WRITERS[edition](Path(place))
        file = Path(place) / data.draw(st.sampled_from(EDITIONS[edition].files))
        content = file.read_bytes().rstrip(b"\n")  # blank lines at the end say nothing
        file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        with pytest.raises(DataError, match=file.name):
            read(edition, Path(place))


@settings(max_examples=60, deadline=None)
@given(edition=st.sampled_from(LAYOUTS), mode=st.sampled_from(["error", "skip"]), data=st.data())
def test_any_bytes_give_tables_or_a_data_error(edition, mode, data):
    with tempfile.TemporaryDirectory() as place:
        WRITERS[edition](Path(place))
        file = Path(place) / data.draw(st.sampled_from(EDITIONS[edition].files))
        content = file.read_bytes()
        at = data.draw(st.integers(0, len(content)))
        new = data.draw(st.binary(max_size=20) | st.text(alphabet='1|:,\t\n"é\r\x00.-', max_size=20).map(str.encode))
        whole = data.draw(st.booleans())
        file.write_bytes(new if whole else content[:at] + new + content[at + data.draw(st.integers(0, 20)) :])
        try:
            tables = read(edition, Path(place), mode)
        except DataError as e:
            assert file.name in str(e)
        else:
            events = frame(tables.interactions)
            assert events.null_count().row(0) == (0, 0, 0, 0) and events["weight"].is_between(0.5, 5).all()
            assert len(events) == RATINGS or mode == "skip"


@pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder with ml-100k")
def test_the_published_files(monkeypatch):
    monkeypatch.setitem(EDITIONS, "100k", PUBLISHED["100k"])
    source = MovieLens(edition="100k", download=False)
    tables = source.read(source.files(Path("nowhere")), BadRows())
    events, items, users = frame(tables.interactions), frame(tables.items), frame(tables.users)
    assert (events["user"].n_unique(), events["item"].n_unique(), len(events)) == (943, 1682, 100_000)
    assert len(items) == 1682 and len(users) == 943
    assert items.row(0) == (1, "Toy Story (1995)", ["Animation", "Children's", "Comedy"], 1995)
    assert items["year"].null_count() == 2  # `unknown`, and a title without one
    assert users.row(0) == (1, ["M"], 24, ["technician"], ["85711"])
    assert events.row(0) == (196, 242, 881250949, 3.0)


@pytest.mark.parametrize("edition", LAYOUTS)
def test_rows_stand_where_their_places_say(edition, folder):
    check_places(read(edition, folder(edition)))
