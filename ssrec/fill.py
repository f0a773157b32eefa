"""`ssrec fill FILE.md ...`: the generated parts of a markdown file, each between a mark and `<!-- end -->`.

A mark is a command: `<!-- ssrec table FOLDER ... -->`, its paths relative to the file, or `<!-- ssrec matrix -->`; or
`<!-- findings FILE.json -->`, the findings of an audit that `ssrec audit --json FILE.json` wrote.
"""

import json
import re
import shlex
from pathlib import Path

from ssrec.confs import matrix
from ssrec.errors import UserError
from ssrec.table import text_of

_MARKS = re.compile(r"(<!-- (ssrec table|ssrec matrix|findings)(.*?) -->)\n.*?(<!-- end -->)", re.DOTALL)


def filled(text: str, base: Path) -> str:
    """A markdown text with its generated parts made anew.

    Raises:
        UserError: a table without results.
    """

    def part(mark: re.Match[str]) -> str:
        words = shlex.split(mark[3])
        makers = {"ssrec table": lambda: text_of(words, base), "ssrec matrix": matrix}
        made = makers[mark[2]]() if mark[2] in makers else findings(base / words[0])
        return f"{mark[1]}\n{made}\n{mark[4]}"

    return _MARKS.sub(part, text)


def findings(file: Path) -> str:
    """What an audit found but its notes, a line each."""
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
                f"{file} has no part to fill: <!-- ssrec table FOLDER -->, <!-- ssrec matrix --> or "
                "<!-- findings FILE.json -->, and <!-- end -->"
            )
        file.write_text(filled(file.read_text(), file.parent))
