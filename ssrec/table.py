"""`ssrec table`: the results of a study as one row for each setting, mean and deviation over seeds."""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ssrec.errors import DataError, UserError

METRICS = ("recall@10", "ndcg@10", "diversity_attributes@10", "novelty@10", "coverage@10")
_UNSHOWN = ("seed", "study", "outputs", "logger", "hardware.accelerator", "hardware.devices", "hardware.strategy")


def results(folder: Path) -> list[dict[str, Any]]:
    """The stored results of a study: `*/result.json` of its runs, or `*.json` of results that were committed.

    Raises:
        DataError: the folder holds none, or one cannot be read.
    """
    files = sorted([*folder.glob("*/result.json"), *folder.glob("*.json")])
    if not files:
        raise DataError(f"{folder} holds no results; a study's folder is <outputs>/<study>, with a folder for each run")
    found = []
    for file in files:
        try:
            found.append(json.loads(file.read_text()))
        except json.JSONDecodeError as error:
            raise DataError(f"{file}, line {error.lineno}: not JSON; remove that run and make it again") from None
    return found


def _flat(node: Any, where: str = "") -> dict[str, str]:
    if isinstance(node, dict):
        parts = (_flat(v, f"{where}.{k}" if where else str(k)) for k, v in node.items())
        return {k: v for part in parts for k, v in part.items()}
    return {where: json.dumps(node)}


def _settings(result: Mapping[str, Any]) -> dict[str, str]:
    """What tells a run from another with the same label; the pretraining's settings stand under `init`."""
    own = {k: v for k, v in _flat(result["config"]).items() if not k.startswith(_UNSHOWN)}
    init = result.get("init")
    return {**own, **({f"init.{k}": v for k, v in _settings(init).items()} if init else {})}


def _differences(own: Mapping[str, str], alike: Sequence[Mapping[str, str]]) -> list[str]:
    """The settings that tell a run from those with its label; a part's class stands for what only that class has."""
    differs = sorted(k for k in own if any(s.get(k) != own[k] for s in alike))
    parts = {k.removesuffix("_target_") for k in differs if k.endswith("._target_")}
    shown = []
    for key in differs:
        if key.removesuffix("_target_") in parts:
            shown.append(f"{key.split('.')[-2]}={json.loads(own[key]).split('.')[-1]}")
            continue
        same = [
            s for s in alike if all(s.get(f"{p}_target_") == own[f"{p}_target_"] for p in parts if key.startswith(p))
        ]
        if any(s.get(key) != own[key] for s in same):
            shown.append(f"{key.removeprefix('objective.')}={own[key]}")
    return shown


def frame(found: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """One line for each run: what it is (`run`), its seed, its dataset's fingerprint and all its numbers.

    Runs with the same label are told apart by the settings in which they differ. Fitted models come first.
    """
    settings = [_settings(r) for r in found]
    lines = []
    for result, own in zip(found, settings, strict=True):
        alike = [s for r, s in zip(found, settings, strict=True) if r["label"] == result["label"]]
        lines.append(
            {
                "run": ", ".join([result["label"], *_differences(own, alike)]),
                "seed": result["seed"],
                "dataset": f"{result['dataset']['name']} {result['dataset']['fingerprint'][:8]}",
                "targets": result["targets_seen_with_pretraining"],
                **result["metrics"],
            }
        )
    return pl.DataFrame(lines, infer_schema_length=None).sort("dataset", pl.col("targets") > 0, "run", "seed")


def summary(runs: pl.DataFrame, metrics: Sequence[str], stage: str = "test") -> pl.DataFrame:
    """Mean and standard deviation over seeds, as text, one row for each setting; settings keep their first order.

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
        pl.len().alias("seeds"), pl.col("targets").mean().cast(pl.Int64).alias("targets seen"), *columns
    )
    return rows


def render(rows: pl.DataFrame, form: str) -> str:
    """A table as markdown, LaTeX (booktabs) or CSV."""
    if form == "csv":
        return rows.write_csv().rstrip()
    cells = [rows.columns, *([("" if v is None else str(v)) for v in row] for row in rows.iter_rows())]
    if form == "markdown":
        widths = [max(len(row[i]) for row in cells) for i in range(rows.width)]
        lines = ["| " + " | ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)) + " |" for row in cells]
        return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])
    escaped = [[v.replace("_", r"\_").replace("%", r"\%").replace("±", r"$\pm$") for v in row] for row in cells]
    lines = [" & ".join(row) + r" \\" for row in escaped]
    begin = rf"\begin{{tabular}}{{l{'r' * (rows.width - 1)}}}"
    return "\n".join([begin, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"])


def caption(found: Sequence[Mapping[str, Any]], stage: str) -> str:
    """What a table's numbers rest on: data, protocol, commit."""

    def every(values: Iterable[object]) -> str:
        return ", ".join(sorted({str(v) for v in values}))

    data = every(f"{r['dataset']['name']} {r['dataset']['fingerprint'][:8]}" for r in found)
    split = every(f"{r['protocol']['split']}, {r['protocol']['history']} history" for r in found)
    seen = every("masked" if r["protocol"]["mask_seen"] else "not masked" for r in found)
    commits = every(r["commit"] or f"ssrec {r['packages']['ssrec']}" for r in found)
    return f"{stage}; {data}; {split}; full catalogue, seen {seen}, ties last; commit {commits}"


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
