"""Small files, made up, in the layouts in which datasets are published; each writer returns what they hold.

A writer is `f(folder) -> Made`: the settings that point a source at the folder, the events in the order of the file
that a source should give, and the counts that the publisher's files would have.
"""

import gzip
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from ssrec.data.source import Tables

CONF = Path(__file__).parent.parent / "conf" / "dataset"
Event = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """`settings` are overrides of a dataset's yaml; `counts` are module constants that the small files change."""

    settings: Mapping[str, Any]
    events: list[Event]
    items: int
    counts: Mapping[str, int] = field(default_factory=dict)


def history(users: int = 12, items: int = 15, length: int = 6) -> list[tuple[int, int]]:
    """User and item of events, users from 1, items from 1; all items occur, no pair twice."""
    return [(u + 1, (5 * u + (7, 11)[u % 2] * k) % items + 1) for u in range(users) for k in range(length - u % 3)]


def lines(path: Path, rows: list[str], end: str = "\n", encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(row + end for row in rows).encode(encoding)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def by_user(pairs: list[tuple[int, int]]) -> dict[int, list[int]]:
    return {u: [i for v, i in pairs if v == u] for u in dict.fromkeys(u for u, _ in pairs)}


def sasrec_file(folder: Path) -> Made:
    lines(folder / "beauty.txt", [f"{u} {i}" for u, i in history()])
    return Made({"path": f"{folder}/beauty.txt"}, [{"user": u, "item": i} for u, i in history()], 15)


def s3rec_file(folder: Path) -> Made:
    lines(folder / "beauty.txt", [" ".join(map(str, [u, *items])) for u, items in by_user(history()).items()])
    # Item 16 has no event, item 1 no attributes.
    lines(folder / "attributes.json", [json.dumps({str(i): [i % 3, 9] for i in range(16, 1, -1)})])
    settings = {"path": f"{folder}/beauty.txt", "attributes": f"{folder}/attributes.json"}
    return Made(settings, [{"user": u, "item": i} for u, i in history()], 16)


def _parts(pairs: list[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """The last event of every user is in test, the one before in val."""
    ends = {u: len(items) for u, items in by_user(pairs).items()}
    place: dict[int, int] = {}
    labelled = []
    for u, i in pairs:
        place[u] = place.get(u, 0) + 1
        labelled.append((u, i, {0: "test", 1: "val"}.get(ends[u] - place[u], "train")))
    return labelled


def lightgcn_files(folder: Path) -> Made:
    """User 0 has no items in test: her line ends with its blank, as in Amazon-book."""
    labelled = [(u - 1, i - 1, "train" if p != "test" or u == 1 else "test") for u, i, p in _parts(history())]
    events = []
    for part in ("train", "test"):
        rows = {u: [i for v, i, p in labelled if (v, p) == (u, part)] for u in range(12)}
        lines(folder / f"{part}.txt", [f"{u} {' '.join(map(str, items))}" for u, items in rows.items()])
        events += [{"user": u, "item": i, "part": part} for u, items in rows.items() for i in items]
    counts = {f"{p}_events": sum(e["part"] == p for e in events) for p in ("train", "test")}
    return Made({"root": str(folder), **counts}, events, 15)


def matrix(path: Path, entries: list[tuple[int, int, float]], shape: tuple[int, int], kind: str = "csr") -> None:
    """As scipy.sparse.save_npz writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns, values = (np.array([e[k] for e in entries]) for k in range(3))
    common = {"format": np.array(kind.encode()), "shape": np.array(shape), "data": values.astype(np.float64)}
    if kind == "coo":
        np.savez_compressed(path, row=rows.astype(np.int32), col=columns.astype(np.int32), **common)
        return
    outer, inner, size = (rows, columns, shape[0]) if kind == "csr" else (columns, rows, shape[1])
    order = np.argsort(outer, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(outer.astype(np.int64), minlength=size))]).astype(np.int32)
    common["data"] = common["data"][order]
    np.savez_compressed(path, indices=inner[order].astype(np.int32), indptr=starts, **common)


def features(items: int, width: int = 4) -> np.ndarray:
    return (np.arange(items * width).reshape(items, width) / 7).astype(np.float16)


def sparse_matrix(folder: Path) -> Made:
    """17 items, of which two have no event; a stored zero is none."""
    labelled = [(u - 1, i - 1, p) for u, i, p in _parts(history())]
    events = []
    for part, file in (("train", "trnMat.npz"), ("val", "valMat.npz"), ("test", "tstMat.npz")):
        entries = [(u, i, 1.0) for u, i, p in labelled if p == part]
        matrix(folder / file, [*entries, (11, 16, 0.0)], (12, 17))
        events += [{"user": u, "item": i, "part": part} for u, i, _ in entries]
    np.save(folder / "image_feat.npy", features(17))
    np.save(folder / "audio_feat.npy", features(17, 3))
    return Made({"root": str(folder)}, events, 17)


def mmrec(folder: Path) -> Made:
    labelled = [(u - 1, i - 1, p) for u, i, p in _parts(history())]
    label = {"train": 0, "val": 1, "test": 2}
    rows = [f"{u}\t{i}\t5.0\t{1000 + k}\t{label[p]}" for k, (u, i, p) in enumerate(labelled)]
    lines(folder / "baby.inter", ["userID\titemID\trating\ttimestamp\tx_label", *rows])
    np.save(folder / "image_feat.npy", features(16))
    np.save(folder / "text_feat.npy", features(16, 3).astype(np.float64))
    events = [
        {"user": u, "item": i, "weight": 5.0, "time": 1000 + k, "part": p} for k, (u, i, p) in enumerate(labelled)
    ]
    return Made({"root": str(folder), "name": "baby", "time": "timestamp", "weight": "rating"}, events, 16)


def recbole(folder: Path) -> Made:
    """Ids are text: `u7`, `i3`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"u{u}\ti{i}\t{1 + i % 5}\t{881250949 + 60 * k}" for k, (u, i) in enumerate(history())]
    lines(folder / "ml.inter", ["user_id:token\titem_id:token\trating:float\ttimestamp:float", *rows])
    header = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\temb:float_seq"
    items = [f"i{i}\tThe {i}th é\t{1990 + i}\tAction Genre-{i % 3}\t{i} 0.5 -1e-3" for i in range(1, 16)]
    lines(folder / "ml.item", [header, *items, "i16\t\t\t\t1 2 3"])
    people = [f"u{u}\t{20 + u}\t{'MF'[u % 2]}\ttechnician" for u in range(1, 13)]
    lines(folder / "ml.user", ["user_id:token\tage:token\tgender:token\toccupation:token", *people])
    settings = {
        "path": str(folder),
        "weight": "rating",
        "text": {"title": "movie_title"},
        "attributes": {"attributes": "class"},
        "numbers": {"year": "release_year"},
        "vectors": ["emb"],
        "users_attributes": ["gender", "occupation"],
        "users_numbers": ["age"],
    }
    events = [
        {"user": f"u{u}", "item": f"i{i}", "weight": 1.0 + i % 5, "time": 881250949 + 60 * k}
        for k, (u, i) in enumerate(history())
    ]
    return Made(settings, events, 16)


def lastfm(folder: Path) -> Made:
    """Line ends of Windows; artists in UTF-8, tags in the bytes of latin-1; some rows have no picture."""
    heads = {
        "user_artists.dat": "userID\tartistID\tweight",
        "artists.dat": "id\tname\turl\tpictureURL",
        "user_taggedartists.dat": "userID\tartistID\ttagID\tday\tmonth\tyear",
        "tags.dat": "tagID\ttagValue",
    }
    rows = {
        "user_artists.dat": [f"{u}\t{i}\t{100 * i + u}" for u, i in history()],
        "artists.dat": [f'{i}\tArtist "é{i}\thttp://www.last.fm/{i}\t{"x.jpg" if i % 2 else ""}' for i in range(1, 16)],
        "user_taggedartists.dat": [
            f"{u}\t{i}\t{t}\t1\t4\t2009"
            for u in range(1, 6)
            for i in range(1, 20)
            for t in range(1, 5)
            if u <= i % 5 + t % 2
        ],
        "tags.dat": [f"{t}\ttäg {t}" for t in range(1, 7)],
    }
    for name, content in rows.items():
        lines(folder / name, [heads[name], *content], "\r\n", "latin-1" if name == "tags.dat" else "utf-8")
    names = {
        "user_artists.dat": "LISTENED",
        "artists.dat": "ARTISTS",
        "user_taggedartists.dat": "TAGGED",
        "tags.dat": "TAGS",
    }
    events = [{"user": u, "item": i, "weight": 100.0 * i + u} for u, i in history()]
    return Made({"root": str(folder)}, events, 15, {names[name]: len(content) for name, content in rows.items()})


def check_ins(network: str) -> Callable[[Path], Made]:
    """Newest first; Brightkite's places are hexadecimal, some are unknown and some rows are empty."""

    def made(folder: Path) -> Made:
        rows, events = [], []
        for k, (u, i) in enumerate(history()):
            place = str(i * 7) if network == "gowalla" else f"{i:032x}"
            day, hour = 28 - k % 28, 23 - k % 24
            rows.append(f"{u}\t2010-10-{day:02}T{hour:02}:55:27Z\t{30 + i / 8}\t{-97.75 - i}\t{place}")
            time = 1285891200 + (day - 1) * 86400 + hour * 3600 + 55 * 60 + 27
            events.append({"user": u, "item": i * 7 if network == "gowalla" else place, "time": time})
        if network == "brightkite":
            rows += [f"1\t2010-10-01T00:00:00Z\t0.0\t0.0\t{'0' * 32}", "2\t\t\t\t"]
        lines(folder / f"loc-{network}_totalCheckins.txt.gz", rows)
        return Made({"root": str(folder)}, events[::-1], 15)

    return made


def yelp(folder: Path) -> Made:
    reviews, events = [], []
    for k, (u, i) in enumerate(history()):
        review = {"review_id": f"r{k}", "user_id": f"u-{u}", "business_id": f"b_{i}", "stars": 1.0 + i % 5, "useful": 0}
        reviews.append(
            json.dumps(
                {**review, "funny": 0, "cool": 0, "text": 'So "good"\n', "date": f"2018-07-07 22:{k % 60:02}:11"}
            )
        )
        events.append({"user": f"u-{u}", "item": f"b_{i}", "weight": 1.0 + i % 5, "time": 1531000811 + 60 * (k % 60)})
    lines(folder / "yelp_academic_dataset_review.json", reviews)
    places = [
        {
            "business_id": f"b_{i}",
            "name": f"Café {i}",
            "city": "Tucson" if i % 2 else "",
            "state": "AZ",
            "stars": 3.5,
            "review_count": 22,
            "attributes": {"WiFi": "u'free'"} if i % 3 else None,
            "categories": f"Food, Kind {i % 4}" if i != 2 else None,
        }
        for i in range(1, 15)  # business 15 has a review and no row
    ]
    lines(folder / "yelp_academic_dataset_business.json", [json.dumps(place) for place in places])
    return Made({"root": str(folder)}, events, 15)


def steam(folder: Path) -> Made:
    """Python's literals; prices that are words; a game twice, one without an id, one that has a review and no row."""
    reviews, events = [], []
    for k, (u, i) in enumerate(history()):
        user, day = f"Chaos \"{u}'s", 1 + k % 28
        reviews.append(
            f"{{u'username': {user!r}, u'hours': 0.1, u'products': 41, u'product_id': u'{i * 10}', "
            f"u'page_order': 0, u'date': u'2017-12-{day:02}', u'text': u'caf\\xe9', u'page': 1}}"
        )
        events.append({"user": user, "item": f"{i * 10}", "time": 1512086400 + (day - 1) * 86400})
    games = [
        f"{{u'publisher': u'Koto', u'genres': [u'Action', u'Indie'], u'app_name': u'Kitty {i}', u'title': u'Lost {i}', "
        f"u'release_date': u'2018-01-04', u'tags': [u'Strategy'], u'price': {4.99 + i}, u'early_access': False, "
        f"u'id': u'{i * 10}', u'developer': u'Koto', u'specs': [u'Single-player']}}"
        for i in range(1, 13)
    ]
    games += [
        "{u'app_name': u'Free one', u'price': u'Free to Play', u'id': u'130', u'release_date': u'Soon..'}",
        "{u'app_name': u'Third', u'price': u'Third-party', u'id': u'140', u'release_date': u'Jun 2009'}",
        "{u'app_name': u'Second', u'price': 1.0, u'id': u'140'}",
        "{u'app_name': u'Nameless', u'price': 1.0}",
    ]
    lines(folder / "steam_reviews.json.gz", reviews)
    lines(folder / "steam_games.json.gz", games)
    return Made({"root": str(folder)}, events, 15)


def goodbooks(folder: Path) -> Made:
    """tags.csv and book_tags.csv have line ends of Windows; titles with commas are quoted; a count is negative."""
    columns = (
        "book_id,goodreads_book_id,best_book_id,authors,original_publication_year,title,language_code,average_rating"
    )
    books = [
        f'{i},{1000 - i},{i},"A. é, B {i}",{1990 + i if i % 2 else ""}{".0" if i % 2 else ""},"Title, ""{i}""",'
        f"{'eng' if i % 3 else ''},4.3,http://images/{i}.jpg"
        for i in range(1, 16)
    ]
    given = [f"{1000 - i},{t},{100 - 10 * t if t < 3 else -1}" for i in range(15, 0, -1) for t in range(4) if i != 5]
    lines(folder / "ratings.csv", ["user_id,book_id,rating", *(f"{u},{i},{1 + i % 5}" for u, i in history())])
    lines(folder / "books.csv", [f"{columns},image_url", *books])
    lines(folder / "book_tags.csv", ["goodreads_book_id,tag_id,count", *given], "\r\n")
    lines(folder / "tags.csv", ["tag_id,tag_name", "0,to-read", "1,fantasy", "2,ürün", "3,-", "4,unused"], "\r\n")
    events = [{"user": u, "item": i, "weight": 1.0 + i % 5} for u, i in history()]
    counts = {"RATINGS": len(events), "BOOKS": 15, "GIVEN": len(given), "TAGS": 5}
    return Made({"root": str(folder)}, events, 15, counts)


def mind(folder: Path) -> Made:
    """User 1 has a history and clicks in both weeks, user 2 comes in the second week, user 3 has no history."""
    train = [
        "1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-1 N4-0 N5-1",
        "2\tU3\t11/12/2019 12:30:00 PM\t\tN6-0 N7-1",
        "3\tU1\t11/10/2019 11:00:00 PM\tN1 N2\tN8-1",
    ]
    dev = [
        "1\tU2\t11/15/2019 1:00:00 AM\tN2 N9\tN1-1 N3-0",
        "2\tU1\t11/15/2019 2:00:00 PM\tN1 N2\tN9-0 N10-1",
    ]
    news = [
        f'N{i}\tsports\tkind{i % 3}\tTitle "{i}\t{f"About {i}" if i % 2 else ""}\thttps://{i}\t[]\t[{{}}]'
        for i in range(1, 11)
    ]
    for part, behaviours, ids in (("train", train, news[:8]), ("dev", dev, news)):
        lines(folder / f"MINDsmall_{part}" / "behaviors.tsv", behaviours)
        lines(folder / f"MINDsmall_{part}" / "news.tsv", ids)
    first, morning, dev1, dev2, noon = 1573426800, 1573463158, 1573779600, 1573826400, 1573561800
    rows = [
        ("U1", "N1", first, "train"),
        ("U1", "N2", first, "train"),
        ("U1", "N8", first, "train"),
        ("U1", "N3", morning, "train"),
        ("U1", "N5", morning, "train"),
        ("U1", "N10", dev2, "test"),
        ("U2", "N2", dev1, "train"),
        ("U2", "N9", dev1, "train"),
        ("U2", "N1", dev1, "test"),
        ("U3", "N7", noon, "train"),
    ]
    return Made(
        {"root": str(folder)}, [dict(zip(("user", "item", "time", "part"), row, strict=True)) for row in rows], 10
    )


def table(folder: Path) -> Made:
    rows = [f'u{u},"{i}",{1_500_000_000 + 60 * k},{1 + i % 5}' for k, (u, i) in enumerate(history())]
    lines(folder / "events.csv", ["user,item,time,stars", *rows])
    lines(
        folder / "items.tsv",
        ["item\tname\tgenres\tprice", *(f"{i}\tItem {i}\ta|b {i % 2}\t{i / 4}" for i in range(1, 17))],
    )
    pl.DataFrame({"user": [f"u{u}" for u in range(1, 13)], "age": range(12)}).write_parquet(folder / "users.parquet")
    settings = {
        "interactions": f"{folder}/events.csv",
        "items": f"{folder}/items.tsv",
        "users": f"{folder}/users.parquet",
        "columns": {"weight": "stars"},
        "text": {"title": "name"},
        "attributes": ["genres"],
        "numbers": ["price"],
        "users_numbers": ["age"],
        "list_separator": "|",
    }
    events = [
        {"user": f"u{u}", "item": i, "time": 1_500_000_000 + 60 * k, "weight": 1.0 + i % 5}
        for k, (u, i) in enumerate(history())
    ]
    return Made(settings, events, 16)


# By the stem of their yaml.
WRITERS: Mapping[str, Callable[[Path], Made]] = {
    "sasrec-file": sasrec_file,
    "s3rec-file": s3rec_file,
    "lightgcn-files": lightgcn_files,
    "gowalla": lightgcn_files,
    "yelp2018": lightgcn_files,
    "amazon-book": lightgcn_files,
    "sparse-matrix": sparse_matrix,
    "tiktok": sparse_matrix,
    "mmrec": mmrec,
    "recbole": recbole,
    "lastfm": lastfm,
    "gowalla-checkins": check_ins("gowalla"),
    "brightkite-checkins": check_ins("brightkite"),
    "yelp": yelp,
    "steam": steam,
    "goodbooks-10k": goodbooks,
    "mind-small": mind,
    "table": table,
}


def source_of(name: str, settings: Mapping[str, Any]) -> Any:
    """The source of a yaml with some settings changed."""
    config = OmegaConf.load(CONF / f"{name}.yaml")
    assert isinstance(config, DictConfig)
    for key, value in settings.items():
        assert key in set(config), f"{name}.yaml does not list {key}"
        OmegaConf.update(config, key, value, merge=key == "columns")
    plain = OmegaConf.to_container(config, throw_on_missing=True)
    assert isinstance(plain, dict)
    return get_class(plain.pop("_target_"))(**plain)


def load(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> tuple[Any, Made]:
    """A source on small files, expecting as many rows as they have, and what they hold."""
    made = WRITERS[name](folder)
    source = source_of(name, {**made.settings, **settings})
    module = importlib.import_module(type(source).__module__)
    for constant, count in made.counts.items():
        monkeypatch.setattr(module, constant, count)
    return source, made


def change(path: Path, old: bytes, new: bytes) -> None:
    """Replace the first occurrence in a file, gzipped or not."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    assert old in content
    content = content.replace(old, new, 1)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def check_places(tables: Tables) -> None:
    """Every row of every table stands where its place says: the line there has its ids; added rows stand nowhere."""
    frames = {"interactions": tables.interactions.lazy().collect(), "items": tables.items, "users": tables.users}
    assert "interactions" in tables.places
    for what, place in tables.places.items():
        table = frames[what]
        assert table is not None
        ids = [column for column in ("user", "item") if column in table.columns]
        for k, row in enumerate(table.select(ids).head(100).rows(named=True)):
            spot = place(k)
            assert (Path(spot.file).is_file() and (spot.line is not None or k)) or spot.file.endswith(".json")
            for column, value in row.items():
                assert spot.row is None or str(value) in spot.row.replace("\\", "")
                assert spot.says("odd", column).startswith(f"{spot.file}")
