"""The audit's page for the terminal."""

import textwrap

from ssrec.audit.report import Report
from ssrec.audit.section import GRADES, Table

WIDTH = 110
HEADINGS = {"grave": "GRAVE", "warning": "WARNINGS", "note": "NOTES"}


def page(report: Report) -> str:
    """Tables first, findings last, where a reader's eye is when the command ends."""
    facts = ", ".join(f"{k}={v}" for k, v in report.split.items() if not k.startswith("n_"))
    blocks = [
        f"audit {report.fingerprint} of {report.dataset} {report.canonical[:8]}, split {report.split_fingerprint[:8]}"
        f"\n{facts}"
    ]
    blocks += [f"{section.title}\n{_indented(table(section.table()))}" for section in report.sections.values()]
    for grade in reversed(GRADES):
        found = report.of(grade)
        blocks += [f"{HEADINGS[grade]} ({len(found)})"] if found else []
        for f in found:
            lines = [f"{f.id}: {f.sentence}", f"Means: {f.meaning}", f"Do: {f.advice}", f"Otherwise: {f.pitfall}"]
            blocks.append(_indented("\n".join(textwrap.fill(x, WIDTH - 2, subsequent_indent="  ") for x in lines)))
    totals = ", ".join(f"{len(report.of(grade))} {grade}" for grade in reversed(GRADES))
    return "\n\n".join([*blocks, f"findings: {totals}"])


def table(content: Table) -> str:
    """Aligned columns: the first to the left, numbers to the right."""
    cells = [list(content.head), *map(list, content.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(content.head))]
    right = [all(_numeric(row[i]) for row in content.rows) for i in range(len(widths))]
    lines = [
        "  ".join(v.rjust(w) if r else v.ljust(w) for v, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([*lines, *([f"({content.note})"] if content.note else [])])


def _numeric(cell: str) -> bool:
    return not cell.strip("0123456789.,%+- e")


def _indented(text: str) -> str:
    return textwrap.indent(text, "  ")
