"""ML-1M of the SASRec authors: ids are mapped to movies, broken files are named, the real ones count."""

import json
import os
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import check_places

from ssrec.data.files.layout import BadRows
from ssrec.data.source import Tables
from ssrec.data.sources import movielens_sasrec as module
from ssrec.data.sources.movielens_sasrec import ABSTRACTS, IDS, MOVIE_TABLE, SEQUENCES, MovieLensSASRec
from ssrec.errors import DataError

USERS, ITEMS, MOVIES, EVENTS = 6, 9, 12, 40
NAMES = (SEQUENCES, MOVIE_TABLE, IDS, ABSTRACTS)
EVENT_ROWS = [(k * USERS // EVENTS + 1, k % ITEMS + 1) for k in range(EVENTS)]
MAP = {item: item % MOVIES + 3 for item in range(1, ITEMS + 1)}


@pytest.fixture(autouse=True)
def small_counts(monkeypatch):
    for name, value in (("USERS", USERS), ("ITEMS", ITEMS), ("MOVIES", MOVIES), ("EVENTS", EVENTS)):
        monkeypatch.setattr(module, name, value)


def write(folder: Path) -> Path:
    (folder / SEQUENCES).write_text("".join(f"{u} {i}\n" for u, i in EVENT_ROWS))
    movies = "".join(f"{m}::Café {m} ({1980 + m})::A|B\n" for m in range(1, MOVIES + 1))
    (folder / MOVIE_TABLE).write_bytes(movies.encode("latin-1"))
    (folder / IDS).write_text("".join(f"{item} {movie}\n" for item, movie in MAP.items()))
    (folder / ABSTRACTS).write_text(json.dumps({str(m): f"About {m}" for m in range(MOVIES, 0, -2)}, indent=1))
    return folder


def read(folder: Path, **change) -> Tables:
    source = MovieLensSASRec(root=str(folder), **change)
    return source.read(source.files(Path("nowhere")), BadRows())


def test_against_a_loop(tmp_path):
    tables = read(write(tmp_path))
    assert isinstance(tables.interactions, pl.DataFrame) and tables.items is not None
    assert tables.interactions.rows() == EVENT_ROWS
    wanted = []
    for item, movie in MAP.items():
        text = f"About {movie}" if movie % 2 == 0 else None
        wanted.append((item, f"Café {movie} ({1980 + movie})", ["A", "B"], 1980 + movie, text))
    assert tables.items.rows() == wanted
    assert tables.users is None  # their ids are other ones
    assert MovieLensSASRec().offers == set(tables.items.columns) - {"item"}


def test_without_content(tmp_path):
    write(tmp_path)
    for name in NAMES[1:]:
        (tmp_path / name).unlink()
    assert read(tmp_path, content=False).items is None
    assert MovieLensSASRec(content=False).offers == frozenset()
    assert MovieLensSASRec(content=False).settings != MovieLensSASRec().settings
    with pytest.raises(DataError, match=r"lacks movies\.dat, sas_to_original_items\.txt, abstracts\.json"):
        read(tmp_path)


@pytest.mark.parametrize(
    "name, old, new, message",
    [
        (SEQUENCES, "1 4\n", "1 4 7\n", r"line 4, column 3: 1 field too many"),
        (SEQUENCES, "1 4\n", "1 x\n", r"line 4, column 2 \(.+\): 'x' is no integer, in row '1 x'"),
        (SEQUENCES, "1 4\n", "", r"ml-1m\.txt is truncated: 39 of 40 rows"),
        (SEQUENCES, "1 4\n", "1 99\n", r"ml-1m\.txt is not the published file: 10 items where 9 belong"),
        (SEQUENCES, "1 4\n", "7 4\n", r"7 users where 6 belong"),
        (MOVIE_TABLE, "::A|B", ":A|B", r"movies\.dat, line 1, column 3 .genres.: missing"),
        (
            IDS,
            "2 5\n",
            "2 4\n",
            r"sas_to_original_items\.txt, line 2, column 2 \(movie\): movie 4 is mapped twice; .*, in row '2 4'",
        ),
        (IDS, "2 5\n", "3 5\n", r"line \d, column 1 \(item\): item 3 is mapped twice"),
        (IDS, "2 5\n", "2 77\n", r"line \d, column 2 \(movie\): .*movies\.dat does not list movie 77"),
        (
            ABSTRACTS,
            '"12"',
            '"twelve"',
            r"abstracts\.json, line 2, column 'twelve': no abstract; .* in row 'twelve: About 12'",
        ),
        (ABSTRACTS, '"About 12"', "[12]", r"abstracts\.json, line 2, column '12': no abstract"),
        (ABSTRACTS, '"About 12"', '"\\ud800"', r"abstracts\.json: an abstract is no text"),
        (ABSTRACTS, "}", "", r"abstracts\.json, line \d+, column \d+: no JSON"),
    ],
)
def test_broken_files_are_named(tmp_path, name, old, new, message):
    file = write(tmp_path) / name
    content = file.read_text(encoding="latin-1")
    assert old in content
    file.write_text(content.replace(old, new, 1), encoding="latin-1")
    with pytest.raises(DataError, match=message):
        read(tmp_path)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(NAMES), data=st.data())
def test_any_bytes_give_tables_or_a_data_error(name, data):
    with tempfile.TemporaryDirectory() as place:
        file = write(Path(place)) / name
        content = file.read_bytes()
        at = data.draw(st.integers(0, len(content)))
        new = data.draw(st.binary(max_size=20) | st.text(alphabet='1|: \n"{}[],é', max_size=20).map(str.encode))
        file.write_bytes(new if data.draw(st.booleans()) else content[:at] + new + content[at + len(new) :])
        try:
            tables = read(Path(place))
        except DataError as e:
            assert name in str(e)
        else:
            assert tables.items is not None and len(tables.items) == ITEMS


@pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder with ml-1m")
def test_the_published_files(monkeypatch):
    for name, value in (("USERS", 6_040), ("ITEMS", 3_416), ("MOVIES", 3_883), ("EVENTS", 999_611)):
        monkeypatch.setattr(module, name, value)
    source = MovieLensSASRec(download=False)
    tables = source.read(source.files(Path("nowhere")), BadRows())
    assert isinstance(tables.interactions, pl.DataFrame) and tables.items is not None
    assert len(tables.interactions) == 999_611
    assert tables.items.null_count().row(0) == (0, 0, 0, 0, 356)
    assert tables.items.row(2)[:4] == (3, "Forrest Gump (1994)", ["Comedy", "Romance", "War"], 1994)
    assert tables.items["text"][2].startswith("Forrest Gump is a 1994")


def test_rows_stand_where_their_places_say(tmp_path):
    write(tmp_path)
    check_places(read(tmp_path))
