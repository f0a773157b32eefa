"""Amazon reviews of 2014 and 2018: made-up copies of both layouts are read right, broken ones are named."""

import gzip
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import check_places

from ssrec.data.files.layout import BadRows
from ssrec.data.source import Source, Tables
from ssrec.data.sources.amazon_reviews import COLLECTIONS, REVIEWS_2014, Amazon5Core, AmazonInstruments
from ssrec.errors import CompositionError, DataError

CATEGORY = "Garden_Gnomes"  # a category whose count nobody published
# user, product, stars, time; products by order of appearance: B2, B1, 0007 (a book's id), B9 (without metadata)
EVENTS = [("U1", "B2", 5.0, 1393545600), ("U2", "B1", 1.0, 1363392000), ("U1", "0007", 4.0, 0), ("U3", "B9", 3.0, 99)]
EVENTS += [("U3", "B2", 2.0, 1393545600)]


def review(user: str, item: str, stars: float, time: int) -> dict:
    return {
        "reviewerID": user,
        "asin": item,
        "reviewerName": 'J. "Gnome" é',
        "helpful": [0, 0],
        "reviewText": "leaks the future",
        "overall": stars,
        "summary": "a b",
        "unixReviewTime": time,
        "reviewTime": "02 28, 2014",
    }


META_2014 = [
    {"asin": "B1", "imUrl": "http://i/1.jpg", "categories": [["Garden", "Gnomes"], ["Garden", "Red & blue"]],
     "title": "It's a 3\" gnome", "price": 12.99, "brand": "Zwerg", "description": "Small.", "salesRank": {"Garden": 7},
     "related": {"also_bought": ["B2"]}},
    {"asin": "B5", "title": "Nobody's"},
    {"asin": "B2", "categories": [["Garden"]], "brand": ""},
    {"asin": "B1", "title": "It's told twice"},
    {"asin": "0007"},
]  # fmt: skip
META_2018 = [
    {"asin": "B1", "category": ["Garden", "Gnomes", "</span></span></span>", "Garden"], "tech1": "", "fit": "",
     "description": ["Small.", "", "Red."], "title": "It's a gnome", "also_buy": ["B2"], "brand": "Zwerg",
     "feature": [], "rank": [">#7 in Garden"], "main_cat": "Garden", "price": "$1,012.99", "details": {},
     "imageURL": ["http://i/1s.jpg"], "imageURLHighRes": ["http://i/1.jpg", "http://i/2.jpg"]},
    {"asin": "B5", "title": "Nobody's", "price": "$3.00", "category": [], "imageURL": []},
    {"asin": "B2", "category": ["Garden"], "brand": "", "title": "var aPageStart = (new Date()).getTime();\nX",
     "price": ".a-box-inner{background-color:#fff} $5", "description": [], "imageURL": ["http://i/3s.jpg"]},
    {"asin": "B1", "title": "It's told twice", "price": "$5.99 - $12.99"},
    {"asin": "0007", "price": "$5.99 - $12.99", "title": "", "description": ""},
]  # fmt: skip
WANTED_2014 = [
    ("B2", None, ["Garden"], [], None, None, None),
    ("B1", "It's a 3\" gnome", ["Garden", "Gnomes", "Red & blue"], ["Zwerg"], 12.99, "http://i/1.jpg", "Small."),
    ("0007", None, [], [], None, None, None),
    ("B9", None, [], [], None, None, None),
]
WANTED_2018 = [
    ("B2", None, ["Garden"], [], None, "http://i/3s.jpg", None),
    ("B1", "It's a gnome", ["Garden", "Gnomes"], ["Zwerg"], 1012.99, "http://i/1.jpg", "Small. Red."),
    ("0007", None, [], [], 5.99, None, None),
    ("B9", None, [], [], None, None, None),
]
COLUMNS = {
    "item": pl.String, "title": pl.String, "attributes": pl.List(pl.String), "brand": pl.List(pl.String),
    "price": pl.Float64, "image_url": pl.String, "text": pl.String,
}  # fmt: skip


def lines(objects: Iterable[dict], *, literal: bool = False) -> bytes:
    return "".join((repr(x) if literal else json.dumps(x)) + "\n" for x in objects).encode()


def write(folder: Path, year: int) -> None:
    reviews, meta = ("reviews_{}_5.json", "meta_{}.json") if year == 2014 else ("{}_5.json", "meta_{}.json")
    (folder / reviews.format(CATEGORY)).write_bytes(lines(review(*e) for e in EVENTS))
    products = lines(META_2014, literal=True) if year == 2014 else lines(META_2018)
    (folder / meta.format(CATEGORY)).write_bytes(products)


def read(source: Source, mode="error") -> Tables:
    return source.read(source.files(Path("nowhere")), BadRows(mode))


def frame(table: pl.DataFrame | pl.LazyFrame | None) -> pl.DataFrame:
    assert isinstance(table, pl.DataFrame)
    return table


@pytest.mark.parametrize("year, wanted", [(2014, WANTED_2014), (2018, WANTED_2018)])
@pytest.mark.parametrize("gzipped", [False, True])
def test_a_year(tmp_path, year, wanted, gzipped):
    write(tmp_path, year)
    for file in list(tmp_path.iterdir()) if gzipped else []:
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    source = Amazon5Core(year=year, category=CATEGORY, root=str(tmp_path))
    tables = read(source)
    events, items = frame(tables.interactions), frame(tables.items)
    assert events.select("user", "item", "weight", "time").rows() == EVENTS
    assert events.schema["time"] == pl.Int64 and events.schema["weight"] == pl.Float64
    assert items.schema == COLUMNS and items.rows() == wanted
    assert tables.removed == {"repeated metadata": 1, "metadata of products without reviews": 1}
    assert source.offers == {"times", "weights", *items.columns[1:]}
    assert source.name == f"amazon-{year}-garden-gnomes"


def test_nothing_of_the_future_describes_a_product(tmp_path):
    for year in COLLECTIONS:
        write(tmp_path, year)
        items = frame(read(Amazon5Core(year=year, category=CATEGORY, root=str(tmp_path))).items)
        told = json.dumps(items.rows())
        assert "leaks" not in told and "also" not in items.columns and "rank" not in told


def test_metadata_may_be_strict_json(tmp_path):
    write(tmp_path, 2014)
    (tmp_path / f"meta_{CATEGORY}.json").write_bytes(lines(META_2014))
    assert frame(read(Amazon5Core(year=2014, category=CATEGORY, root=str(tmp_path))).items).rows() == WANTED_2014


def test_without_metadata(tmp_path):
    write(tmp_path, 2018)
    (tmp_path / f"meta_{CATEGORY}.json").unlink()
    source = Amazon5Core(year=2018, category=CATEGORY, metadata=False, root=str(tmp_path))
    assert read(source).items is None and source.offers == {"times", "weights"}
    with pytest.raises(DataError, match=r"lacks meta_Garden_Gnomes\.json\.gz"):
        read(Amazon5Core(year=2018, category=CATEGORY, root=str(tmp_path)))


def test_settings():
    with pytest.raises(CompositionError, match=r"dataset\.year=2016: choose 2014 or 2018"):
        Amazon5Core(year=2016, category=CATEGORY)
    with pytest.raises(CompositionError, match=r"dataset\.category=\.\./x: say it as in the files' names"):
        Amazon5Core(year=2014, category="../x")


def test_published_counts_are_compared(tmp_path):
    for name in ("Musical_Instruments_5.json", "reviews_Musical_Instruments_5.json"):
        (tmp_path / name).write_bytes(lines(review(*e) for e in EVENTS))
    category = "Musical_Instruments"
    for source in (
        AmazonInstruments(root=str(tmp_path)),
        Amazon5Core(year=2014, category=category, metadata=False, root=str(tmp_path)),
    ):
        with pytest.raises(DataError, match=r"Musical_Instruments_5\.json is truncated: 5 of 10,261 rows"):
            read(source)
    assert len(REVIEWS_2014) == 24


def test_where_it_is_fetched_from(tmp_path, monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)
    for year, names in ((2014, "reviews_Garden_Gnomes_5"), (2018, "Garden_Gnomes_5")):
        with pytest.raises(DataError, match=rf"{names}\.json\.gz, meta_Garden_Gnomes\.json\.gz not found in"):
            Amazon5Core(year=year, category=CATEGORY, download=False).files(tmp_path)


@pytest.mark.parametrize(
    "year, file, old, new, message",
    [
        (2014, "reviews_{}_5.json", b'"overall": 1.0', b'"overall": "x"', r"line 2, column overall: .x. .* a number"),
        (2014, "reviews_{}_5.json", b'"asin": "B9"', b'"asin": null', r"line 4, column asin: missing"),
        (2014, "reviews_{}_5.json", b'"unixReviewTime": 99', b'"unixReviewTime": 9.5', r"column unixReviewTime: 9\.5"),
        (2014, "reviews_{}_5.json", b'"reviewerID": "U2",', b'"reviewerID" "U2",', r"line 2, column 15: no JSON"),
        (2014, "meta_{}.json", b"'asin': 'B5'", b"'asin' 'B5'", r"line 2, column 22: no Python literal"),
        (2014, "meta_{}.json", b"'price': 12.99", b"'price': 'dear'", r"line 1, column price: .dear. .* a number"),
        (2018, "meta_{}.json", b'"asin": "B5"', b'"no": "B5"', r"line 2, column asin: missing"),
        (2018, "meta_{}.json", b'"category": ["Garden"]', b'"category": "Garden"', r"line 3, column category: .Gard"),
        (2018, "{}_5.json", b"{", b"[", r"line 1, column 14: no JSON"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(tmp_path, year, file, old, new, message):
    write(tmp_path, year)
    path = tmp_path / file.format(CATEGORY)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    source = Amazon5Core(year=year, category=CATEGORY, root=str(tmp_path))
    with pytest.raises(DataError, match=message) as e:
        read(source)
    assert path.name in str(e.value)
    assert len(frame(read(source, "skip").interactions)) == 5 - path.name.endswith("_5.json")


def test_cut_short(tmp_path):
    write(tmp_path, 2018)
    path = tmp_path / f"{CATEGORY}_5.json"
    content = path.read_bytes()
    source = Amazon5Core(year=2018, category=CATEGORY, root=str(tmp_path))
    path.write_bytes(content[:-40])
    with pytest.raises(DataError, match=r"line 5, column \d+: no JSON"):
        read(source)
    path.unlink()
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(DataError, match=r"Garden_Gnomes_5\.json\.gz cannot be decompressed"):
        read(source)


@settings(max_examples=80, deadline=None)
@given(year=st.sampled_from(list(COLLECTIONS)), mode=st.sampled_from(["error", "skip"]), data=st.data())
def test_any_bytes_give_tables_or_a_data_error(year, mode, data):
    with tempfile.TemporaryDirectory() as place:
        write(Path(place), year)
        path = data.draw(st.sampled_from(sorted(Path(place).iterdir())))
        content = path.read_bytes()
        at = data.draw(st.integers(0, len(content)))
        new = data.draw(st.binary(max_size=20) | st.text(alphabet="1{}[]:,\"'\\nul.e-$", max_size=20).map(str.encode))
        cut = data.draw(st.integers(0, 30))
        path.write_bytes(new if data.draw(st.booleans()) else content[:at] + new + content[at + cut :])
        try:
            tables = read(Amazon5Core(year=year, category=CATEGORY, root=place), mode)
        except DataError as e:
            assert path.name in str(e)
        else:
            events, items = frame(tables.interactions), frame(tables.items)
            assert events.null_count().row(0) == (0, 0, 0, 0)
            assert items.schema == COLUMNS and not items["item"].is_duplicated().any()
            assert items["item"].to_list() == events["item"].unique(maintain_order=True).to_list()


@pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder with amazon-instruments")
def test_the_published_files():
    events = frame(read(AmazonInstruments(download=False)).interactions)
    assert (events["user"].n_unique(), events["item"].n_unique(), len(events)) == (1_429, 900, 10_261)
    assert events["weight"].is_between(1, 5).all() and (events["time"] % 86_400 == 0).all()
    assert min(events["user"].value_counts()["count"].min(), events["item"].value_counts()["count"].min()) == 5


@pytest.mark.parametrize("year", [2014, 2018])
def test_rows_stand_where_their_places_say(tmp_path, year):
    write(tmp_path, year)
    check_places(read(Amazon5Core(year=year, category=CATEGORY, root=str(tmp_path))))
