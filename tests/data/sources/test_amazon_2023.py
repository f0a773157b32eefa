"""Amazon reviews of 2023: every layout of a made-up copy is read right, broken ones are named."""

import gzip
import json
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import check_places

from ssrec.data.files.layout import BadRows
from ssrec.data.source import Tables
from ssrec.data.sources.amazon_2023 import LAYOUTS, Amazon2023
from ssrec.errors import CompositionError, DataError

CATEGORY = "Garden_Gnomes"
EVENTS = [  # user, parent, stars, thousandths of seconds
    ("U1", "B2", 5.0, 1588687728923),
    ("U2", "B1", 1.0, 1677939345945),
    ("U1", "B9", 4.0, 1677939345001),
    ("U2", "B2", 3.0, 1677939346000),
    ("U1", "B1", 2.0, 1677939347999),
]
PARTS = {"train": EVENTS[:3], "valid": EVENTS[3:4], "test": EVENTS[4:]}
META = [
    {"main_category": "Gnomes", "title": "A gnome", "average_rating": 4.2, "rating_number": 15, "features": ["Red."],
     "description": ["Small."], "price": 12.99, "videos": [], "store": "Zwerg", "categories": ["Garden", "Gnomes"],
     "images": [{"thumb": "t", "large": "http://i/1l.jpg", "variant": "MAIN", "hi_res": None}, {"large": "other"}],
     "details": {"Brand": "Z"}, "parent_asin": "B1", "bought_together": None},
    {"main_category": None, "title": "No image", "price": None, "images": [], "store": None, "categories": [],
     "features": [], "description": [], "parent_asin": "B2"},
    {"main_category": "Garden", "title": "Nobody's", "price": "from 3.50", "parent_asin": "B5",
     "images": [{"large": "l", "hi_res": "h"}]},
]  # fmt: skip
WANTED = [
    ("B2", "No image", [], [], None, None, None),
    ("B1", "A gnome", ["Gnomes", "Garden"], ["Zwerg"], 12.99, "http://i/1l.jpg", "Red. Small."),
    ("B9", None, [], [], None, None, None),
]


def csv(events: list, history: bool) -> bytes:
    rows = ["user_id,parent_asin,rating,timestamp" + (",history" if history else "")]
    for k, (u, i, r, t) in enumerate(events):
        rows.append(f"{u},{i},{r},{t}" + (",B7 B8" if history and k else "," * history))
    return "".join(row + "\n" for row in rows).encode()


def jsonl(objects: list[dict]) -> bytes:
    return "".join(json.dumps(x) + "\n" for x in objects).encode()


def write(folder: Path, layout: str, *, history: bool = False, core: int = 5) -> None:
    """As the publisher lays it out, compressed."""
    files = {f"raw/meta_categories/meta_{CATEGORY}.jsonl": jsonl(META)}
    if layout == "reviews":
        content = [
            {"rating": r, "title": "a", "text": "leaks", "images": [], "asin": i + "-V", "parent_asin": i, "user_id": u,
             "timestamp": t, "helpful_vote": 0, "verified_purchase": True}
            for u, i, r, t in EVENTS
        ]  # fmt: skip
        files[f"raw/review_categories/{CATEGORY}.jsonl"] = jsonl(content)
    elif layout == "ratings":
        files[f"benchmark/{core}core/rating_only/{CATEGORY}.csv"] = csv(EVENTS, history)
    else:
        for part, events in PARTS.items():
            files[f"benchmark/{core}core/{layout}/{CATEGORY}.{part}.csv"] = csv(events, history)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))


def read(folder: Path, layout: str, mode="error", **change) -> Tables:
    source = Amazon2023(category=CATEGORY, layout=layout, root=str(folder), **change)
    return source.read(source.files(Path("nowhere")), BadRows(mode))


def frame(table: pl.DataFrame | pl.LazyFrame | None) -> pl.DataFrame:
    assert isinstance(table, pl.DataFrame)
    return table


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("history", [False, True])
def test_every_layout(tmp_path, layout, history):
    write(tmp_path, layout, history=history)
    tables = read(tmp_path, layout)
    events, items = frame(tables.interactions), frame(tables.items)
    wanted = [(u, i, r, t // 1000) for u, i, r, t in EVENTS]
    assert events.select("user", "item", "weight", "time").rows() == wanted
    assert events["nanosecond"].to_list() == [t % 1000 * 10**6 for _, _, _, t in EVENTS]
    assert items.rows() == WANTED
    assert tables.removed == {"repeated metadata": 0, "metadata of products without reviews": 1}
    offers = {"times", "weights", *items.columns[1:]}
    if layout in ("last_out", "timestamp"):
        assert events["part"].to_list() == ["train"] * 3 + ["val", "test"]
        offers |= {"parts"}
    assert Amazon2023(category=CATEGORY, layout=layout).offers == offers
    assert not any("rating" in name or "bought" in name for name in items.columns)  # they tell of the future


def test_prices(tmp_path):
    write(tmp_path, "ratings")
    prices = [("from 3.50", 3.5), ("$1,003.5", 1003.5), (7, 7.0), ("7", 7.0), ("—", None), ("None", None), ("", None)]
    events = [("U1", f"B{k}", 5.0, 0) for k in range(len(prices))]
    (tmp_path / f"benchmark/5core/rating_only/{CATEGORY}.csv.gz").write_bytes(gzip.compress(csv(events, False)))
    meta = jsonl([{"parent_asin": f"B{k}", "price": price} for k, (price, _) in enumerate(prices)])
    (tmp_path / f"raw/meta_categories/meta_{CATEGORY}.jsonl.gz").write_bytes(gzip.compress(meta))
    assert frame(read(tmp_path, "ratings").items)["price"].to_list() == [price for _, price in prices]


def test_files_in_one_folder(tmp_path):
    write(tmp_path, "last_out")
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in tmp_path.rglob("*.gz"):
        (flat / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    assert frame(read(flat, "last_out").interactions).equals(frame(read(tmp_path, "last_out").interactions))


def test_settings(tmp_path):
    write(tmp_path, "ratings", core=0)
    assert len(frame(read(tmp_path, "ratings", core=0, metadata=False).interactions)) == 5
    with pytest.raises(DataError, match=r"lacks benchmark/5core/rating_only/Garden_Gnomes\.csv\.gz"):
        read(tmp_path, "ratings")
    assert read(tmp_path, "ratings", core=0, metadata=False).items is None
    for change, message in (
        ({"layout": "csv"}, r"dataset\.layout=csv: choose one of reviews, ratings, last_out, timestamp"),
        ({"core": 10}, r"dataset\.core=10: 0 and 5 are published"),
        ({"category": "a/b"}, r"dataset\.category=a/b"),
    ):
        with pytest.raises(CompositionError, match=message):
            Amazon2023(**{"category": CATEGORY, **change})
    both = [Amazon2023(category=CATEGORY, layout="reviews", core=core).settings for core in (0, 5)]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    "layout, file, old, new, message",
    [
        ("ratings", "{}.csv", b"U2,B1", b"U2", r"line 3, column 4 .timestamp.: missing"),
        ("ratings", "{}.csv", b"1677939345001", b"yesterday", r"line 4, column 4 \(.+\): 'yesterday' is no integer"),
        ("ratings", "{}.csv", b"parent_asin", b"asin", r"line 1, column parent_asin: missing in the header"),
        ("last_out", "{}.valid.csv", b"3.0", b"three", r"line 2, column 3 \(.+\): 'three' is no finite number"),
        ("reviews", "{}.jsonl", b'"user_id": "U2",', b"", r"line 2, column user_id: missing"),
        ("reviews", "{}.jsonl", b": 1677939345945,", b': "noon",', r"line 2, column timestamp: .noon. should be"),
        ("ratings", "meta_{}.jsonl", b'"price": 12.99', b'"price": [1]', r"line 1, column price: \[1\] .* or a text"),
    ],
)  # fmt: skip
def test_a_broken_row_is_named(tmp_path, layout, file, old, new, message):
    write(tmp_path, layout)
    [path] = tmp_path.rglob(file.format(CATEGORY) + ".gz")
    content = gzip.decompress(path.read_bytes())
    assert old in content
    path.write_bytes(gzip.compress(content.replace(old, new, 1)))
    with pytest.raises(DataError, match=message) as e:
        read(tmp_path, layout)
    assert path.name in str(e.value)
    path.write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(DataError, match=r"\.gz cannot be decompressed"):
        read(tmp_path, layout)


@settings(max_examples=80, deadline=None)
@given(layout=st.sampled_from(LAYOUTS), mode=st.sampled_from(["error", "skip"]), data=st.data())
def test_any_bytes_give_tables_or_a_data_error(layout, mode, data):
    with tempfile.TemporaryDirectory() as place:
        write(Path(place), layout, history=data.draw(st.booleans()))
        path = data.draw(st.sampled_from(sorted(Path(place).rglob("*.gz"))))
        content = path.read_bytes() if data.draw(st.booleans()) else gzip.decompress(path.read_bytes())
        zipped = content.startswith(b"\x1f\x8b")
        at = data.draw(st.integers(0, len(content)))
        new = data.draw(st.binary(max_size=20) | st.text(alphabet='1{}[]:,"\\\nU.e-$', max_size=20).map(str.encode))
        changed = (
            new if data.draw(st.booleans()) else content[:at] + new + content[at + data.draw(st.integers(0, 30)) :]
        )
        path.write_bytes(changed if zipped else gzip.compress(changed))
        try:
            tables = read(Path(place), layout, mode)
        except DataError as e:
            assert path.name in str(e)
        else:
            events, items = frame(tables.interactions), frame(tables.items)
            assert not any(events.null_count().row(0))
            assert items["item"].to_list() == events["item"].unique(maintain_order=True).to_list()


@pytest.mark.parametrize("layout", ["reviews", "ratings", "last_out", "timestamp"])
def test_rows_stand_where_their_places_say(tmp_path, layout):
    write(tmp_path, layout)
    check_places(read(tmp_path, layout))
