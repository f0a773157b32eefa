"""Amazon Beauty: made-up copies of both layouts are read right, broken ones are named, the real ones count."""

import json
import os
from pathlib import Path

import pytest
import torch

from ssrec.data.amazon import ATTRIBUTES, EVENTS, ITEMS, USERS, AmazonBeauty, AmazonBeautyDays
from ssrec.data.canonical import prepare
from ssrec.data.split import LeaveOneOut
from ssrec.errors import CompositionError, DataError

real = pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder with amazon-beauty")


@pytest.fixture(scope="module")
def sequences() -> list[list[int]]:
    """As many users, items and events as published."""
    sizes = [EVENTS // USERS + (u < EVENTS % USERS) for u in range(USERS)]
    items = iter(k * 7 % ITEMS + 1 for k in range(EVENTS))
    return [[next(items) for _ in range(size)] for size in sizes]


@pytest.fixture(scope="module")
def copy(sequences, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    rows = [(u, i, n // 3 * 86_400) for u, h in enumerate(sequences, 1) for n, i in enumerate(h)]
    (folder / "Beauty.txt").write_text("".join(f"{u} {' '.join(map(str, h))}\n" for u, h in enumerate(sequences, 1)))
    (folder / ATTRIBUTES).write_text(json.dumps({str(i): [i % 5, 9] for i in range(ITEMS, 0, -1)}))
    (folder / "interactions.tsv").write_text(
        "user\titem\ttimestamp\n" + "".join(f"{u}\t{i}\t{t}\n" for u, i, t in rows)
    )
    titles = "".join(f'{i}\tB{i:09}\tThe "{i}" é\n' for i in range(1, ITEMS + 1))
    (folder / "items.tsv").write_text("item\tasin\ttitle\n" + titles, encoding="utf-8")
    return folder


@pytest.fixture
def broken(copy, tmp_path):
    def with_change(name: str, change) -> str:
        for other in copy.iterdir():
            content = other.read_bytes()
            (tmp_path / other.name).write_bytes(change(content) if other.name == name else content)
        return str(tmp_path)

    return with_change


def read(source):
    return source.read(source.files(Path("nowhere")))


def test_file_order(copy, sequences):
    tables = read(AmazonBeauty(root=str(copy)))
    assert tables.interactions.rows() == [(u, i) for u, h in enumerate(sequences, 1) for i in h]
    lists = dict(tables.items.iter_rows())
    assert len(lists) == ITEMS and lists[7] == ["2", "9"]


def test_days(copy, sequences):
    tables = read(AmazonBeautyDays(root=str(copy)))
    wanted = [(u, i, n // 3 * 86_400) for u, h in enumerate(sequences, 1) for n, i in enumerate(h)]
    assert tables.interactions.rows() == wanted
    assert tables.items.row(6) == (7, 'The "7" é', ["2", "9"])


def test_shuffled_ties_move_only_within_a_day(copy, tmp_path):
    def ordered(**settings) -> torch.Tensor:
        table = prepare(AmazonBeautyDays(root=str(copy), **settings), tmp_path).interactions
        return table.to_torch()

    file, shuffled = ordered(), ordered(ties="shuffled")
    assert torch.equal(file[:, [0, 2]], shuffled[:, [0, 2]])
    moved = (file != shuffled).any(1).double().mean()
    assert 0.5 < moved < 0.8  # of three that share a day each stays in place with probability 1/3
    day = file[:, 0] * 10**9 + file[:, 2]
    for a, b in ((file, shuffled),):
        assert torch.equal(torch.unique(day * 20_000 + a[:, 1]), torch.unique(day * 20_000 + b[:, 1]))
    assert torch.equal(shuffled, ordered(ties="shuffled", ties_seed=0))
    assert not torch.equal(shuffled, ordered(ties="shuffled", ties_seed=1))


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("Beauty.txt", lambda b: b.replace(b"\n2 ", b"\n2 x", 1), r"line 2, column 2: 'x\d+' is no integer"),
        ("Beauty.txt", lambda b: b.replace(b"\n2 ", b"\nu2 ", 1), r"line 2, column 1: 'u2' is no integer"),
        (
            "Beauty.txt",
            lambda b: b.replace(b"\n2 ", b"\n2\n", 1),
            r"line 2: a user and at least one item belong here: '2'",
        ),
        ("Beauty.txt", lambda b: b[:1000], r"Beauty.txt is truncated: line \d+ is the last and has no end"),
        ("Beauty.txt", lambda b: b[: b.index(b"\n500 ") + 1], "truncated: 499 of 22,363 users"),
        ("Beauty.txt", lambda b: b[:-7] + b"\n", "truncated: 198,501 of 198,502 events|is no integer"),
        ("Beauty.txt", lambda b: b"", "is empty"),
        (ATTRIBUTES, lambda b: b[:-50], r"line 1, column \d+: no JSON .*truncated"),
        (ATTRIBUTES, lambda b: b'{"1": [2]}', "truncated: 1 of 12,101 items"),
    ],
)
def test_broken_sequence_files_are_named(broken, name, change, message):
    with pytest.raises(DataError, match=message):
        read(AmazonBeauty(root=broken(name, change)))


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("interactions.tsv", lambda b: b.replace(b"timestamp", b"time", 1), "line 1: the header should be"),
        ("interactions.tsv", lambda b: b[: b.index(b"\n500\t") + 1], r"truncated: [\d,]+ of 198,502 rows"),
        ("items.tsv", lambda b: b.replace(b"\n7\t", b"\n7 ", 1), "line 8: 2 fields"),
        ("items.tsv", lambda b: b.replace("é".encode(), b"\xe9", 1), "line 2: not utf-8"),
    ],
)
def test_broken_day_files_are_named(broken, name, change, message):
    with pytest.raises(DataError, match=message):
        read(AmazonBeautyDays(root=broken(name, change)))


def test_nobody_publishes_the_days(tmp_path, monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)
    with pytest.raises(DataError, match=r"interactions\.tsv.* no publisher offers them"):
        AmazonBeautyDays().files(tmp_path)


def test_unknown_ties():
    with pytest.raises(CompositionError, match=r"dataset\.ties=random: choose file or shuffled"):
        AmazonBeautyDays(ties="random")


@real
def test_the_published_files(tmp_path):
    file = prepare(AmazonBeauty(download=False), tmp_path)
    days = prepare(AmazonBeautyDays(), tmp_path)
    for canonical in (file, days):
        assert (canonical.n_users, canonical.n_items, len(canonical.interactions)) == (USERS, ITEMS, EVENTS)
        assert canonical.interactions["item"].n_unique() == ITEMS
    assert round(days.meta["tie_rate"], 3) == 0.439
    assert LeaveOneOut()(file).facts["n_train"] == EVENTS - 2 * USERS
