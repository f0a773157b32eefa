"""The README of a question: each of its tables between marks, which are added where they are not."""

from pathlib import Path

from ssrec.fill import filled
from ssrec.reproduce.question import Question


def fill(question: Question, folder: Path) -> Path:
    """Write the README's tables; returns the file.

    Raises:
        UserError: a mark of the author's own that cannot be filled.
    """
    file = folder / "README.md"
    text = file.read_text() if file.exists() else f"# {question.question or folder.resolve().name}\n"
    for table in question.tables:
        if f"<!-- reproduced {table} -->" not in text:
            text = f"{text.rstrip()}\n\n## {table}\n\n<!-- reproduced {table} -->\n<!-- end -->\n"
    file.write_text(text)
    file.write_text(filled(text, folder))
    return file
