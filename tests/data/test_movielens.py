"""ML-100K: a made-up copy of the publisher's layout is read right, broken copies are named, the real one counts."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssrec.data.canonical import prepare
from ssrec.data.movielens import FILES, GENRES, MOVIES, RATINGS, MovieLens100K
from ssrec.errors import DataError

NAMES = ["unknown", *(f"Genre-{g}" for g in range(1, GENRES))]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """As many rows as published, of another content; movie 5 has a title that is no ASCII."""
    folder = tmp_path_factory.mktemp("copy")
    rows = [(k % 943 + 1, (k * 7) % MOVIES + 1, k % 5 + 1, 880_000_000 + k * 13 % 1000) for k in range(RATINGS)]
    (folder / "u.data").write_text("".join(f"{u}\t{i}\t{r}\t{t}\n" for u, i, r, t in rows))
    flags = ["|".join("1" if i % (g + 2) == 0 else "0" for g in range(GENRES)) for i in range(1, MOVIES + 1)]
    movies = [f"{i}|Title é, {i} (1995)|01-Jan-1995||http://x|{f}\n" for i, f in enumerate(flags, 1)]
    (folder / "u.item").write_bytes("".join(movies).encode("latin-1"))
    (folder / "u.genre").write_text("".join(f"{name}|{g}\n" for g, name in enumerate(NAMES)) + "\n\n")
    return folder


@pytest.fixture
def broken(copy, tmp_path):
    """A copy in which one file has another content."""

    def with_file(name: str, content: bytes) -> MovieLens100K:
        for other in FILES:
            (tmp_path / other).write_bytes(content if other == name else (copy / other).read_bytes())
        return MovieLens100K(root=str(tmp_path))

    return with_file


def read(source: MovieLens100K):
    return source.read(source.files(Path("nowhere")))


def test_against_a_loop(copy):
    tables = read(MovieLens100K(root=str(copy)))
    wanted = [tuple(map(int, line.split("\t"))) for line in (copy / "u.data").read_text().split("\n")[:-1]]
    assert tables.interactions.rows() == [(u, i, t) for u, i, _, t in wanted]
    assert tables.items["item"].to_list() == list(range(1, MOVIES + 1))
    assert tables.items["title"][4] == "Title é, 5 (1995)"
    for i, attributes in tables.items.select("item", "attributes").iter_rows():
        assert attributes == [name for g, name in enumerate(NAMES) if i % (g + 2) == 0]


def test_min_rating(copy):
    tables = read(MovieLens100K(root=str(copy), min_rating=4.0))
    assert len(tables.interactions) == 40_000 and tables.removed["ratings below min_rating"] == 60_000
    assert len(tables.items) == MOVIES


def test_settings_know_no_place(copy):
    assert MovieLens100K(root=str(copy)).settings == MovieLens100K(download=False).settings
    assert MovieLens100K(min_rating=4.0).settings != MovieLens100K().settings


def test_truncated(copy, broken):
    lines = (copy / "u.data").read_bytes().split(b"\n")
    with pytest.raises(DataError, match=r"u\.data is truncated: 53,211 of 100,000 rows"):
        read(broken("u.data", b"\n".join(lines[:53_211]) + b"\n"))
    with pytest.raises(DataError, match=r"u\.item is truncated: 3 of 1,682 rows"):
        read(broken("u.item", b"\n".join((copy / "u.item").read_bytes().split(b"\n")[:3]) + b"\n"))


@pytest.mark.parametrize(
    "name, old, new, message",
    [
        (
            "u.data",
            b"3\t15\t3\t",
            b"3\t15\t",
            r"u\.data, line 3: 3 fields .* where 4 belong \(user, item, rating, time\)",
        ),
        ("u.data", b"3\t15\t3\t", b"3\tx\t3\t", r"u\.data, line 3, column 2: 'x' is no integer, in row '3.tx.t3"),
        ("u.data", b"3\t15\t3\t", b"3\t15\t9\t", r"u\.data, line 3, column 3: a rating is 1 to 5, not 9"),
        ("u.item", b"5|Title", b"5|Ti|tle", r"u\.item, line 5: 25 fields .* where 24 belong"),
        ("u.genre", b"Genre-3|3", b"Genre-3", r"u\.genre, line 4: 1 fields"),
        ("u.genre", b"Genre-3|3\n", b"", r"u\.genre is truncated: 18 of 19 rows"),
    ],
)
def test_a_broken_row_is_named(copy, broken, name, old, new, message):
    content = (copy / name).read_bytes()
    assert old in content
    with pytest.raises(DataError, match=message):
        read(broken(name, content.replace(old, new, 1)))


@pytest.mark.parametrize("name", FILES)
def test_wrong_files(copy, broken, name):
    for content in (b"", bytes(range(256)) * 100, (copy / "u.genre").read_bytes(), (copy / "u.data").read_bytes()):
        if content != (copy / name).read_bytes():
            with pytest.raises(DataError, match=rf"{name}[ ,:]"):
                read(broken(name, content))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True))
def test_no_cut_goes_unnoticed(copy, broken, cut):
    content = (copy / "u.data").read_bytes()
    with pytest.raises(DataError, match=r"u\.data"):
        read(broken("u.data", content[: int(cut * len(content))]))


@pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder with ml-100k")
def test_the_published_files(tmp_path):
    canonical = prepare(MovieLens100K(download=False), tmp_path)
    assert (canonical.n_users, canonical.n_items, len(canonical.interactions)) == (943, 1682, 100_000)
    assert canonical.meta["n_items_without_interactions"] == 0
    toy_story = canonical.items.row(0, named=True)
    assert toy_story["title"] == "Toy Story (1995)"
    assert toy_story["attributes"] == ["Animation", "Children's", "Comedy"]
