"""Generated parts of markdown files."""

import json

import pytest

from ssrec.confs import matrix
from ssrec.errors import DataError, UserError
from ssrec.fill import main

RESULT = {
    "fingerprint": "0",
    "label": "popularity",
    "seed": 1,
    "config": {},
    "metrics": {"test/ndcg@10": 0.1},
    "dataset": {"name": "world", "fingerprint": "0123456789abcdef"},
    "protocol": {"split": "leave_one_out", "history": "growing", "mask_seen": True},
    "targets_seen_with_pretraining": 0,
    "commit": "abc",
}


def test_a_file_is_filled_between_its_marks(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.json").write_text(json.dumps(RESULT))
    readme = tmp_path / "README.md"
    marks = (
        "a\n<!-- ssrec table results --metrics ndcg@10 -->\nxyz\n<!-- end -->\nb\n<!-- ssrec matrix -->\n<!-- end -->\n"
    )
    readme.write_text(marks)
    main([str(readme)])
    once = readme.read_text()
    assert "xyz" not in once
    assert "| popularity | 1     | 0            | 0.1000  |" in once
    assert matrix() in once
    assert once.startswith("a\n<!-- ssrec table") and once.endswith("<!-- end -->\n")
    main([str(readme)])
    assert readme.read_text() == once


def test_the_findings_of_an_audit_are_lines_without_its_notes(tmp_path):
    found = [{"grade": grade, "sentence": f"a {grade} thing"} for grade in ("grave", "warning", "note")]
    identity = {"name": "world", "fingerprint": "0123456789abcdef"}
    (tmp_path / "a.json").write_text(json.dumps({"findings": found, "dataset": identity, "split": identity}))
    readme = tmp_path / "README.md"
    readme.write_text("<!-- findings a.json -->\nold\n<!-- end -->\n")
    main([str(readme)])
    lines = ["- grave: a grave thing", "- warning: a warning thing", "", "world 01234567, split 01234567"]
    assert readme.read_text().splitlines()[1:-1] == lines


def test_where_there_are_no_results_yet_that_is_said(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(
        "<!-- ssrec table results/a -->\n<!-- end -->\n<!-- ssrec compare results/* --metric x -->\n<!-- end -->\n"
    )
    main([str(readme)])
    assert readme.read_text().splitlines()[1::3] == [
        "There are no results in `results/a` yet.",
        "There are no results in `results/*` yet.",
    ]
    (tmp_path / "results" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="holds no results"):
        main([str(readme)])


def test_a_file_without_marks_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing")
    for file in ("README.md", "missing.md"):
        with pytest.raises(UserError, match="has no part to fill"):
            main([str(tmp_path / file)])


WRONG = {
    "a mark that is left open before another": ("<!-- ssrec matrix -->\nprose\n<!-- ssrec matrix -->\n", "lacks its"),
    "quotes that are left open": ("<!-- ssrec table 'a -->\n", "cannot be read: No closing quotation"),
    "findings of no file": ("<!-- findings -->\n", "names no file"),
    "findings that are missing": ("<!-- findings a.json -->\n", "a.json is missing; ssrec audit --json a.json"),
}


@pytest.mark.parametrize("text, told", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_mark_is_named_and_the_file_stays(tmp_path, text, told):
    readme = tmp_path / "README.md"
    readme.write_text(f"{text}<!-- end -->\n")
    with pytest.raises(UserError, match=told):
        main([str(readme)])
    assert readme.read_text() == f"{text}<!-- end -->\n"


def test_a_mark_without_an_end_is_named(tmp_path):
    (tmp_path / "README.md").write_text("<!-- ssrec matrix -->\n<!-- end -->\n<!-- ssrec matrix -->\nprose\n")
    with pytest.raises(UserError, match="lacks its"):
        main([str(tmp_path / "README.md")])
