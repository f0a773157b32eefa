"""RecBole's atomic files: headers say the types, settings the columns; what does not fit is named."""

import pytest
from layouts import change, lines, load, source_of

from ssrec.data.files.layout import BadRows
from ssrec.errors import CompositionError, DataError


def read(source, raw):
    return source.read(source.files(raw), BadRows())


def test_content_by_kind(tmp_path, monkeypatch):
    source, _ = load("recbole", tmp_path, monkeypatch)
    tables = read(source, tmp_path)
    first, last = tables.items.row(0, named=True), tables.items.row(15, named=True)
    assert first.pop("emb") == pytest.approx([1.0, 0.5, -1e-3])
    assert first == {"item": "i1", "title": "The 1th é", "attributes": ["Action", "Genre-1"], "year": 1991.0}
    assert last == {"item": "i16", "title": None, "attributes": [], "year": None, "emb": [1.0, 2.0, 3.0]}
    assert tables.users.row(0, named=True) == {"user": "u1", "gender": ["F"], "occupation": ["technician"], "age": 21.0}


def test_a_token_that_is_no_number_is_missing(tmp_path, monkeypatch):
    source, _ = load("recbole", tmp_path, monkeypatch)
    for old, new in ((b"\t1991\t", b"\tunknown\t"), (b"\t1992\t", b"\tinf\t")):
        change(tmp_path / "ml.item", old, new)
    assert read(source, tmp_path).items["year"].to_list()[:3] == [None, None, 1993.0]


def test_a_given_split(tmp_path):
    for part, item in (("train", 1), ("valid", 2), ("test", 3)):
        lines(tmp_path / f"ml.{part}.inter", ["user_id:token\titem_id:token", f"7\t{item}"])
    parts = {"train": "train", "val": "valid", "test": "test"}
    source = source_of("recbole", {"path": str(tmp_path), "time": None, "parts": parts})
    tables = read(source, tmp_path)
    assert tables.interactions.rows() == [(7, 1, "train"), (7, 2, "val"), (7, 3, "test")]
    assert source.offers == {"parts"}


def test_ids_that_are_integers_in_one_file_only_are_text(tmp_path):
    lines(tmp_path / "ml.inter", ["user_id:token\titem_id:token", "7\t01", "8\t2"])
    lines(tmp_path / "ml.item", ["item_id:token\tgenre:token", "01\tCrime Drama", "2\t"])
    source = source_of("recbole", {"path": str(tmp_path), "time": None, "attributes": ["genre"]})
    tables = read(source, tmp_path)
    assert tables.interactions.rows() == [(7, "01"), (8, "2")]
    assert tables.items.rows() == [("01", ["Crime Drama"]), ("2", [])]


def test_the_files_of_the_folder(tmp_path):
    head = "user_id:token\titem_id:token"
    lines(tmp_path / "set" / "a.inter", [head, "1\t1"])
    lines(tmp_path / "set" / "b.inter", [head, "2\t2"])
    source = source_of("recbole", {"path": f"{tmp_path}/set", "time": None})
    with pytest.raises(DataError, match=r"has several files \*\.inter; say which by dataset\.stem: a, b"):
        source.files(tmp_path)
    chosen = source_of("recbole", {"path": f"{tmp_path}/set", "time": None, "stem": "b"})
    assert read(chosen, tmp_path).interactions.rows() == [(2, 2)]
    lines(tmp_path / "set" / "set.inter", [head, "3\t3"])
    assert read(source, tmp_path).interactions.rows() == [(3, 3)]


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"attributes": ["klass"]},
            r"ml\.item, line 1, column klass: the file has no such column \(dataset\.attributes\); did you mean class",
        ),
        (
            {"users_numbers": ["old"]},
            r"ml\.user, line 1, column old: the file has no such column \(dataset\.users_numbers\); it has user_id",
        ),
        (
            {"numbers": ["class"]},
            r"ml\.item, line 1, column class: a token_seq, and dataset\.numbers takes float or token",
        ),
        (
            {"text": ["emb"], "vectors": []},
            r"ml\.item, line 1, column emb: a float_seq, and dataset\.text takes token or token_seq",
        ),
        ({"vectors": ["class"]}, r"column class: a token_seq, and dataset\.vectors takes float_seq"),
        ({"weight": "stars"}, r"ml\.inter, line 1, column stars: the file has no such column \(dataset\.weight\)"),
    ],
)
def test_columns_that_do_not_fit_are_named(tmp_path, monkeypatch, settings, message):
    source, _ = load("recbole", tmp_path, monkeypatch, **settings)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        (
            "ml.inter",
            b"timestamp:float",
            b"timestamp",
            r"ml\.inter, line 1, column 4 \(timestamp\): no header; a name and a type",
        ),
        ("ml.inter", b"timestamp:float", b"timestamp:int", r"column 4 \(timestamp:int\): no header; a name"),
        ("ml.inter", b"\t881250949", b"\tnow", r"ml\.inter, line 2, column 4 \(.+\): 'now' is no time in seconds"),
        ("ml.inter", b"\t881250949", b"\t1e300", r"ml\.inter, line 2, column 4 \(.+\): '1e300' is no time in seconds"),
        (
            "ml.item",
            b"\t1 0.5 -1e-3",
            b"\t1 0.5",
            r"ml\.item, line 2, column 5 \(emb:float_seq\): the vector of 'i1' has not 3 numbers",
        ),
        (
            "ml.item",
            b"\t1 0.5 -1e-3",
            b"\t1 x 2",
            r"ml\.item, line 2, column 5 \(emb:float_seq\): the vector of 'i1' holds what is no finite",
        ),
    ],
)
def test_broken_files_are_named(tmp_path, monkeypatch, file, old, new, message):
    source, _ = load("recbole", tmp_path, monkeypatch)
    change(tmp_path / file, old, new)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"parts": {"valid": "valid"}}, r"dataset\.parts\.valid is no part; they are train, val, test"),
        ({"parts": {"test": "test"}}, r"dataset\.parts has no train"),
        ({"text": ["a"], "numbers": {"a": "b"}}, r"dataset\.numbers: a column a is there already"),
        ({"text": ["item"]}, r"dataset\.text: a column item is there already"),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(CompositionError, match=message):
        source_of("recbole", {"path": "x", **settings})
