"""`ssrec fill FILE.md ...`: the generated parts of a markdown file, each between a mark and `<!-- end -->`.

A mark is a command: `<!-- ssrec table FOLDER ... -->`, its paths relative to the file, or `<!-- ssrec matrix -->`.
"""

import re
import shlex
from pathlib import Path

from ssrec.confs import matrix
from ssrec.errors import UserError
from ssrec.table import text_of

_MARKS = re.compile(r"(<!-- ssrec (table|matrix)(.*?) -->)\n.*?(<!-- end -->)", re.DOTALL)


def filled(text: str, base: Path) -> str:
    """A markdown text with its generated parts made anew.

    Raises:
        UserError: a table without results.
    """

    def part(mark: re.Match[str]) -> str:
        made = text_of(shlex.split(mark[3]), base) if mark[2] == "table" else matrix()
        return f"{mark[1]}\n{made}\n{mark[4]}"

    return _MARKS.sub(part, text)


def main(files: list[str]) -> None:
    """Fill files in place.

    Raises:
        UserError: a file that is missing, or has nothing to fill.
    """
    for file in map(Path, files):
        if not file.is_file() or not _MARKS.search(file.read_text()):
            raise UserError(
                f"{file} has no part to fill: <!-- ssrec table FOLDER --> or <!-- ssrec matrix -->, and <!-- end -->"
            )
        file.write_text(filled(file.read_text(), file.parent))
