"""The audit's page as one HTML file that asks for nothing else, in light and dark."""

from html import escape

from ssrec.audit.report import Report
from ssrec.audit.section import GRADES, Bars, Finding, Lines, Table
from ssrec.audit.svg import bars, lines

STYLE = """
:root { color-scheme: light dark; --ink: #1d2329; --dim: #5c6670; --paper: #fff; --rule: #d9dee3; --panel: #f5f7f9;
  --c0: #2f6fb0; --c1: #c2571a; --c2: #4c8a3c; --grave: #b3261e; --warning: #9a5b00; --note: #48607a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --dim: #9aa5b0; --paper: #14181c; --rule: #333b43;
  --panel: #1c2127; --c0: #6aa9e9; --c1: #f0935a; --c2: #86c474; --grave: #ff8a80; --warning: #f0b45a;
  --note: #9db8d3; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p, figcaption, .dim { color: var(--dim); } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
article { background: var(--panel); border-left: 4px solid var(--grade); padding: .5rem 1rem; margin: .8rem 0; }
article b { color: var(--grade); } article p { margin: .25rem 0; }
.grave { --grade: var(--grave); } .warning { --grade: var(--warning); } .note { --grade: var(--note); }
figure { margin: 1rem 0; max-width: 40rem; } svg { width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--ink); } .axis { stroke: var(--rule); }
.mark { stroke: var(--ink); stroke-dasharray: 4 3; } polyline { fill: none; stroke-width: 2; }
.s0 { fill: var(--c0); } .s1 { fill: var(--c1); } .s2 { fill: var(--c2); }
.l0 { stroke: var(--c0); } .l1 { stroke: var(--c1); } .l2 { stroke: var(--c2); }
.key { margin-left: 1rem; white-space: nowrap; } .key i { display: inline-block; width: .8em; height: .8em;
  margin-right: .3em; } .k0 { background: var(--c0); } .k1 { background: var(--c1); } .k2 { background: var(--c2); }
"""


def html(report: Report) -> str:
    """Findings first, by grade; then what was measured, with plots."""
    name = escape(report.dataset)
    facts = escape(", ".join(f"{k}={v}" for k, v in report.split.items() if not k.startswith("n_")))
    totals = ", ".join(f"{len(report.of(grade))} {grade}" for grade in reversed(GRADES))
    sections = "".join(
        f"<section><h2>{escape(section.title)}</h2>{table(section.table())}"
        f"{''.join(figure(f) for f in section.figures())}</section>"
        for section in report.sections.values()
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>audit of {name}</title><style>{STYLE}</style></head>\n<body>"
        f"<h1>Audit of {name}</h1><p>{facts}<br>audit {report.fingerprint}, dataset {escape(report.canonical)}, "
        f"split {escape(report.split_fingerprint)}; {totals}</p>\n"
        f"{''.join(article(f) for f in report.findings)}\n{sections}</body></html>\n"
    )


def article(finding: Finding) -> str:
    """One finding."""
    told = [
        f"<p><b>{finding.grade}</b> <code>{escape(finding.id)}</code></p>",
        f"<div>{escape(finding.sentence)}</div>",
        f"<p>{escape(finding.meaning)} <strong>{escape(finding.advice)}</strong></p>",
        f"<p>Otherwise: {escape(finding.pitfall)}</p>",
    ]
    return f'<article class="{finding.grade}" id="{escape(finding.id)}">{"".join(told)}</article>'


def table(content: Table) -> str:
    """A table whose cells may hold any text."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in content.head)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in content.rows)
    note = f"<p>{escape(content.note)}</p>" if content.note else ""
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide">{body}</div>{note}'


def figure(content: Bars | Lines) -> str:
    return bars(content) if isinstance(content, Bars) else lines(content)
