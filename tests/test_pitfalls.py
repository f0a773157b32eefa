"""docs/pitfalls.md has a row for every pitfall, and the tests that it names exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/pitfalls.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\| \w+ \|.*$", TEXT, re.M)]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def names_in(file: str) -> set[str]:
    """The names of a file's tests."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_pitfall_has_one_row():
    assert [row[0] for row in ROWS] == [*map(str, range(1, 28)), *"ABC"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_is_done_and_names_tests_that_exist(row):
    _, wrong, done, tests = row
    assert wrong and done
    named = NAMED.findall(tests)
    assert named and len(named) == tests.count("::")
    missing = [f"{file}::{name}" for file, name in named if not (ROOT / file).exists() or name not in names_in(file)]
    assert not missing
