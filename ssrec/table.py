"""`ssrec table`: the results of a study as one row for each setting, mean and deviation over seeds."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ssrec import guards, protocol
from ssrec.distinct import distinct
from ssrec.errors import DataError, UserError
from ssrec.labels import labels

LATEX = {
    **{c: rf"\{c}" for c in "_%#&${}"},
    **{"±": r"$\pm$", "<": "$<$", ">": "$>$", "\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"},
}
METRICS = ("recall@10", "ndcg@10", "diversity_attributes@10", "novelty@10", "coverage@10")
FLOORS = "popularity, markov, item_knn, ease"


def results(folder: Path) -> list[dict[str, Any]]:
    """The stored results of a study's folder, or of one of results that were published.

    Raises:
        DataError: the folder holds none, or one cannot be read.
    """
    files = stored_in(folder)
    if not files:
        raise DataError(f"{folder} holds no results; a study's folder is <outputs>/<study>, with a folder for each run")
    return [read_result(file) for file in files]


def stored_in(folder: Path) -> list[Path]:
    """The files of a folder's results: `*/result.json` of a study's runs, `*.json` of published ones."""
    return sorted([*folder.glob("*/result.json"), *folder.glob("*.json")])


def read_result(file: Path) -> dict[str, Any]:
    """One stored result.

    Raises:
        DataError: the file holds something else.
    """
    try:
        found = json.loads(file.read_text())
    except json.JSONDecodeError as error:
        raise DataError(f"{file}, line {error.lineno}: not JSON; remove that run and make it again") from None
    if not isinstance(found, dict) or not found.keys() >= {"fingerprint", "config", "metrics"}:
        raise DataError(f"{file} is no result of a run: it lacks a fingerprint, config or metrics; move it elsewhere")
    return found


def frame(found: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """One line for each run: what it is (`run`), its seed, its dataset's fingerprint and all its numbers.

    Fitted models come first. A run that was made twice has one line, and `again` says how often more.
    """
    lines, kept = [], distinct(found)
    for (result, again), run in zip(kept, labels([result for result, _ in kept]), strict=True):
        lines.append(
            {
                "run": run,
                "seed": result["seed"],
                "dataset": f"{result['dataset']['name']} {result['dataset']['fingerprint'][:8]}",
                "targets": result["targets_seen_with_pretraining"],
                "warnings": list(result.get("warnings", {})),
                "again": again,
                **result["metrics"],
            }
        )
    return pl.DataFrame(lines, infer_schema_length=None).sort("dataset", pl.col("targets") > 0, "run", "seed")


def summary(runs: pl.DataFrame, metrics: Sequence[str], stage: str = "test") -> pl.DataFrame:
    """Mean and standard deviation over seeds, as text, one row for each setting; settings keep their first order.

    Where a reader is to be warned of some of them, a last column says of what, and for how many seeds, and how many
    runs do not count because another one has their seed.

    Raises:
        UserError: a metric that no run has.
    """
    columns = []
    for metric in metrics:
        name = f"{stage}/{metric}"
        if name not in runs.columns:
            have = sorted({c.split("/", 1)[1] for c in runs.columns if c.startswith(f"{stage}/")})
            raise UserError(f"no run has {name}; they have {', '.join(have)}")
        digits = 4 if runs[name].abs().max() <= 1 else 2  # type: ignore[operator]
        mean = pl.col(name).mean().round(digits).map_elements(lambda v, d=digits: f"{v:.{d}f}", pl.String)
        std = pl.col(name).std().fill_null(0.0).map_elements(lambda v, d=digits: f"{v:.{d}f}", pl.String)
        columns.append(pl.when(pl.len() > 1).then(mean + " ± " + std).otherwise(mean).alias(metric))
    keys = ["dataset", "run"] if runs["dataset"].n_unique() > 1 else ["run"]
    rows = runs.group_by(keys, maintain_order=True).agg(
        pl.len().alias("seeds"),
        pl.col("targets").mean().cast(pl.Int64).alias("targets seen"),
        *columns,
        pl.col("warnings"),
        pl.col("again").sum(),
    )
    said = rows.select("warnings", "seeds", pl.col("targets seen") > 0, "again")
    warned = [_warned(*row) for row in said.iter_rows()]
    return rows.drop("warnings", "again").with_columns([pl.Series("warnings", warned)] if any(warned) else [])


def _warned(of_runs: Sequence[Sequence[str]], seeds: int, trained: bool | None, again: int) -> str:
    """The names of a row's warnings, each with the number of its runs where those are not all."""
    counts = Counter(name for names in of_runs for name in names)
    said = [name if n == seeds else f"{name} ({n} of {seeds})" for name, n in counts.items()]
    twice = [f"left out: {again} run{'' if again == 1 else 's'} of the same seed"] if again else []
    return "; ".join([*said, *guards.of_seeds(seeds, trained=bool(trained)), *twice])


def render(rows: pl.DataFrame, form: str) -> str:
    """A table as markdown, LaTeX (booktabs) or CSV."""
    if form == "csv":
        return rows.write_csv().rstrip()
    escapes = str.maketrans({"|": r"\|"} if form == "markdown" else LATEX)
    lines = (rows.columns, *rows.iter_rows())
    cells = [[("" if v is None else str(v)).translate(escapes) for v in row] for row in lines]
    if form == "markdown":
        widths = [max(len(row[i]) for row in cells) for i in range(rows.width)]
        lines = ["| " + " | ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)) + " |" for row in cells]
        return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])
    lines = [" & ".join(row) + r" \\" for row in cells]
    begin = rf"\begin{{tabular}}{{l{'r' * (rows.width - 1)}}}"
    return "\n".join([begin, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"])


def caption(found: Sequence[Mapping[str, Any]], stage: str) -> str:
    """What a table's numbers rest on: data, protocol, commit; and that nothing fitted in closed form is beside them."""

    def every(values: Iterable[object]) -> str:
        return ", ".join(sorted({str(v) for v in values}))

    data = every(f"{r['dataset']['name']} {r['dataset']['fingerprint'][:8]}" for r in found)
    rules = [protocol.words(r) for r in found]
    split, candidates = every(f"{w['split']}, {w['history']}" for w in rules), every(w["candidates"] for w in rules)
    seen, cold = every(w["seen"] for w in rules), every(w["cold"] for w in rules)
    commits = every(r["commit"] or f"ssrec {r['packages']['ssrec']}" for r in found)
    floor = "" if any(r["targets_seen_with_pretraining"] == 0 for r in found) else f"no floor beside them ({FLOORS}); "
    return f"{stage}; {data}; {split}; {candidates}, {seen}, ties last, {cold}; {floor}commit {commits}"


def text_of(arguments: list[str], base: Path) -> str:
    """The text of a table that command-line arguments describe."""
    parser = argparse.ArgumentParser(prog="ssrec table", description="Mean and deviation over seeds of a study's runs.")
    parser.add_argument("folder", type=Path, help="<outputs>/<study>, or a folder of committed results")
    parser.add_argument("--format", choices=("markdown", "latex", "csv"), default="markdown")
    parser.add_argument("--metrics", nargs="+", default=METRICS, help="for example recall@20 mrr@10")
    parser.add_argument("--stage", choices=("test", "val"), default="test")
    parser.add_argument("--all", action="store_true", help="also the runs that others of the study start from")
    chosen = parser.parse_args(arguments)
    found = results(base / chosen.folder)
    starts = {r["init"]["fingerprint"] for r in found if r.get("init")}
    found = [r for r in found if chosen.all or r["fingerprint"] not in starts]
    table = render(summary(frame(found), chosen.metrics, chosen.stage), chosen.format)
    return f"{table}\n\n{caption(found, chosen.stage)}" if chosen.format == "markdown" else table


def main(arguments: list[str]) -> None:
    """`ssrec table FOLDER [--format F] [--metrics M ...] [--stage S]`."""
    print(text_of(arguments, Path()))
