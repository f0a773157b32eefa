"""`ssrec fill FILE.md ...`: the generated parts of a markdown file, each between a mark and `<!-- end -->`.

A mark is a command, its paths relative to the file: `<!-- ssrec table FOLDER ... -->`,
`<!-- ssrec compare FOLDER ... -->` or `<!-- ssrec matrix -->`. Or it is `<!-- findings FILE.json -->`, the findings of
an audit that `ssrec audit --json FILE.json` wrote, or `<!-- reproduced TABLE -->`, a table of the table.yaml beside the
file. `ssrec publish STUDY --to FOLDER` makes folders that tables and comparisons can be made of anywhere; where there
is none yet, the part says so.
"""

import glob
import json
import re
import shlex
from pathlib import Path

from ssrec import table
from ssrec.compare import command as compare
from ssrec.confs import matrix
from ssrec.errors import UserError
from ssrec.reproduce.shown import text_of as reproduced

_KINDS = "ssrec table|ssrec compare|ssrec matrix|findings|reproduced"
_END = "<!-- end -->"
_OPENED = re.compile(rf"(<!-- ({_KINDS})((?:(?! -->).)*) -->)\n", re.DOTALL)
_MARKS = re.compile(rf"{_OPENED.pattern}.*?({_END})", re.DOTALL)

_READERS = {"ssrec table": table.text_of, "ssrec compare": compare.text_of}  # of folders of results


def filled(text: str, base: Path) -> str:
    """A markdown text with its generated parts made anew.

    Raises:
        UserError: a mark that asks for what its results do not have.
        DataError: a folder without results, or one that cannot be read.
    """

    def part(mark: re.Match[str]) -> str:
        words = _words(mark)
        if mark[2] in _READERS and words and not glob.glob(str(base / words[0])):
            made = f"There are no results in `{words[0]}` yet."
        else:
            made = _made(mark[2], words, base)
        return f"{mark[1]}\n{made}\n{mark[4]}"

    for opened in _OPENED.finditer(text):
        until = _OPENED.search(text, opened.end())
        if _END not in text[opened.end() : until.start() if until else len(text)]:
            raise UserError(f"{opened[1]} lacks its {_END}; without it the text behind would be lost")
    return _MARKS.sub(part, text)


def _words(mark: re.Match[str]) -> list[str]:
    try:
        words = shlex.split(mark[3])
    except ValueError as error:
        raise UserError(f"{mark[1]} cannot be read: {error}") from None
    if mark[2] == "findings" and len(words) != 1:
        raise UserError(f"{mark[1]} names no file; say <!-- findings FILE.json -->")
    return words


def _made(kind: str, words: list[str], base: Path) -> str:
    if kind in _READERS:
        return _READERS[kind](words, base)
    if kind == "reproduced":
        return reproduced(words, base)
    return matrix() if kind == "ssrec matrix" else findings(base / words[0])


def findings(file: Path) -> str:
    """What an audit found but its notes, a line each."""
    if not file.is_file():
        raise UserError(f"{file} is missing; ssrec audit --json {file.name} writes it")
    report = json.loads(file.read_text())
    found = [f"- {f['grade']}: {f['sentence']}" for f in report["findings"] if f["grade"] != "note"]
    data, split = report["dataset"], report["split"]
    return "\n".join([*found, "", f"{data['name']} {data['fingerprint'][:8]}, split {split['fingerprint'][:8]}"])


def main(files: list[str]) -> None:
    """Fill files in place.

    Raises:
        UserError: a file that is missing, or has nothing to fill.
    """
    for file in map(Path, files):
        if not file.is_file() or not _MARKS.search(file.read_text()):
            raise UserError(
                f"{file} has no part to fill: <!-- ssrec table FOLDER -->, <!-- ssrec compare FOLDER -->, "
                f"<!-- ssrec matrix -->, <!-- findings FILE.json --> or <!-- reproduced TABLE -->, and {_END}"
            )
        file.write_text(filled(file.read_text(), file.parent))
