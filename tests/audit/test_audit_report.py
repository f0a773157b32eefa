"""The whole audit: its JSON keeps its shape, its HTML stands alone, and titles do no harm."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import torch

from ssrec.audit import catalogue
from ssrec.audit.catalogue import Kind
from ssrec.audit.command import write
from ssrec.audit.fingerprint import fingerprint
from ssrec.audit.html import html
from ssrec.audit.page import page
from ssrec.audit.report import audit
from ssrec.audit.section import GRADES

NASTY = '<script>alert("x")</script> & \'"'
MEASURED = {
    "counts": {"stages", "removed", "users", "short", "histories"},
    "ties": {"unit", "neighbours", "tied", "users", "users_tied_at_the_end", "rows", "rows_tied", "longest"},
    "order": {"scope", "neighbours", "pairs", "order_decides", "columns", "agreement", "users", "of_users"},
    "repeats": {"timed", "events", "duplicates", "targets", "repeats", "overlaps"},
    "cold": {
        *("items", "items_without_training", "val_targets", "cold_val_targets", "test_targets", "cold_test_targets"),
        *("test_rows", "test_rows_without_past", "test_rows_that_read_on"),
        *("users", "users_without_held_out", "users_without_training"),
    },
    "published": {"parts"},
    "future": {"targets", "after_target", "after_median", "exposed", "users", "own", "first", "last", "over_time"},
    "drift": {
        *("items", "distance", "distance_by_chance", "rank", "rank_by_chance"),
        *("test_on_top", "train_on_top", "curves"),
    },
    "floors": {"k", "rows", "of_rows", "floors"},
    "twins": {"items", "targets", "kinds"},
}
IDS = {
    *("removed", "short_histories", "ties", "ties_follow_a_column", "ties_follow_a_fixed_order"),
    *("order_follows_a_column", "order_is_shared", "duplicates", "repeats_in_test", "overlap", "cold_targets"),
    *("rows_without_past", "users_not_evaluated", "future_of_others", "future_of_the_user", "popularity_drift"),
    "parts_ignored",
    *("concentrated_targets", "floors", "own_history", "tied_rows_score_higher", "near_duplicates"),
}


@pytest.fixture
def report(plant, histories):
    key = torch.randperm(60)
    titles = [NASTY, NASTY, *(f"title {i}" for i in range(58))]
    return audit(plant(histories(key=key), title=titles, code=[f"{NASTY}{int(k):03d}" for k in key]))


@pytest.fixture
def untimed(plant):
    return audit(plant([(u, i + 1) for u in range(1, 40) for i in torch.randperm(30)[:6].tolist()]))


class Reader(HTMLParser):
    """Refuses what does not nest; keeps text and attributes."""

    def __init__(self, content: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.values: list[str] = []
        self.feed(content)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.values += [f"{name}={value}" for name, value in attrs]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.values += [f"{name}={value}" for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_json_keeps_its_shape(report, untimed):
    content = json.loads(json.dumps(report.plain(), allow_nan=False))
    assert set(content) == {"version", "fingerprint", "dataset", "split", "measured", "findings"}
    assert set(content["dataset"]) == {"name", "fingerprint", "digest"}
    assert set(content["split"]) == {"fingerprint", "facts"}
    assert {name: set(section) for name, section in content["measured"].items()} == {
        name: fields for name, fields in MEASURED.items() if name != "published"
    }
    assert set(untimed.plain()["measured"]) == set(MEASURED) - {"ties", "future", "published"}
    for finding in content["findings"]:
        assert set(finding) == {"id", "grade", "sentence", "meaning", "advice", "pitfall"}
        assert finding["id"] in IDS
        assert finding["grade"] in GRADES
    ranks = [GRADES.index(f["grade"]) for f in content["findings"]]
    assert ranks == sorted(ranks, reverse=True)


def test_every_finding_has_its_own_id():
    kinds = [kind.id for kind in vars(catalogue).values() if isinstance(kind, Kind)]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == IDS


def test_the_same_subject_gives_the_same_bytes(plant, histories, tmp_path):
    subject = plant(histories(), title=["a", "b"] * 30)
    files = [write(audit(subject), tmp_path / f"{n}.json", tmp_path / f"{n}.html") for n in (1, 2)]
    for first, second in zip(*files, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert {f.name for f in tmp_path.iterdir()} == {"1.json", "2.json", "1.html", "2.html"}


def test_the_html_stands_alone_and_nests(report, untimed):
    for made in (report, untimed):
        content = html(made)
        reader = Reader(content)
        assert {"html", "head", "body", "svg", "table", "article"} <= set(reader.tags)
        assert not {"script", "link", "img", "iframe", "object", "use", "image", "a"} & set(reader.tags)
        assert not re.search(r"https?:|//|url\(|@import|\bsrc=|\bhref=", content)
        assert "prefers-color-scheme: dark" in content
        assert reader.tags.count("article") == len(made.findings)
        assert all(f.sentence in "".join(reader.texts) for f in made.findings)


def test_titles_and_names_are_escaped(report):
    content = html(report)
    assert "<script" not in content
    reader = Reader(content)
    assert "alert(" in "".join(reader.texts), "titles of near-duplicates are shown"
    assert not [v for v in reader.values if v.startswith("on")]


def test_the_page_says_findings_last_and_grave_first(report):
    text = page(report)
    assert text.splitlines()[-1] == "findings: 2 grave, " + text.splitlines()[-1].split(", ", 1)[1]
    assert text.index("GRAVE (2)") < text.index("WARNINGS") < text.index("NOTES")
    assert text.index("Near-duplicate items") < text.index("GRAVE")
    assert report.fingerprint in text
    assert max(len(line) for line in text.split("GRAVE")[1].splitlines()) <= 110


def test_numbers_of_figures_are_finite(report):
    drawn = [v for v in re.findall(r'(?:x|y|width|height|x1|x2|points)="([^"]*)"', html(report)) if v]
    assert drawn
    assert not any("nan" in v or "inf" in v for v in drawn)


def test_the_fingerprint_is_of_data_split_and_version():
    assert re.fullmatch("[0-9a-f]{16}", fingerprint("a", "b"))
    assert len({fingerprint("a", "b"), fingerprint("b", "a"), fingerprint("a", "c"), fingerprint("ab", "")}) == 4


def test_the_fingerprint_costs_no_import():
    code = "import sys, ssrec.audit.fingerprint; print({'torch', 'polars', 'hydra'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
