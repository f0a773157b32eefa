"""`ssrec table`: the results of a study as one row for each setting, mean and deviation over seeds."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ssrec import guards, protocol
from ssrec.errors import DataError, UserError

METRICS = ("recall@10", "ndcg@10", "diversity_attributes@10", "novelty@10", "coverage@10")
_OF_TRAINING = ("optimizer", "monitor", "select", "data.rows", "data.batch")
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
    idle = () if result["targets_seen_with_pretraining"] else _OF_TRAINING
    own = {k: v for k, v in _flat(result["config"]).items() if not k.startswith((*_UNSHOWN, *protocol.PARTS, *idle))}
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


def labels(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each run is; those with the same label are told apart by the settings in which they differ.

    Where the runs were not all measured by the same rules, each also says its own.
    """
    settings, rules = [_settings(r) for r in found], [protocol.words(r) for r in found]
    named = []
    for result, own, ruled in zip(found, settings, rules, strict=True):
        alike = [s for r, s in zip(found, settings, strict=True) if r["label"] == result["label"]]
        apart = [word for key, word in ruled.items() if any(other.get(key) != word for other in rules)]
        named.append(", ".join([result["label"], *_differences(own, alike), *apart]))
    return named


def frame(found: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """One line for each run: what it is (`run`), its seed, its dataset's fingerprint and all its numbers.

    Fitted models come first.
    """
    lines = []
    for result, run in zip(found, labels(found), strict=True):
        lines.append(
            {
                "run": run,
                "seed": result["seed"],
                "dataset": f"{result['dataset']['name']} {result['dataset']['fingerprint'][:8]}",
                "targets": result["targets_seen_with_pretraining"],
                "warnings": list(result.get("warnings", {})),
                **result["metrics"],
            }
        )
    return pl.DataFrame(lines, infer_schema_length=None).sort("dataset", pl.col("targets") > 0, "run", "seed")


def summary(runs: pl.DataFrame, metrics: Sequence[str], stage: str = "test") -> pl.DataFrame:
    """Mean and standard deviation over seeds, as text, one row for each setting; settings keep their first order.

    Where a reader is to be warned of some of them, a last column says of what, and for how many seeds.

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
    )
    warned = [_warned(*row) for row in rows.select("warnings", "seeds", pl.col("targets seen") > 0).iter_rows()]
    return rows.drop("warnings").with_columns([pl.Series("warnings", warned)] if any(warned) else [])


def _warned(of_runs: Sequence[Sequence[str]], seeds: int, trained: bool | None) -> str:
    """The names of a row's warnings, each with the number of its runs where those are not all."""
    counts = Counter(name for names in of_runs for name in names)
    said = [name if n == seeds else f"{name} ({n} of {seeds})" for name, n in counts.items()]
    return "; ".join([*said, *guards.of_seeds(seeds, trained=bool(trained))])


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
    rules = [protocol.words(r) for r in found]
    split, candidates = every(f"{w['split']}, {w['history']}" for w in rules), every(w["candidates"] for w in rules)
    seen, cold = every(w["seen"] for w in rules), every(w["cold"] for w in rules)
    commits = every(r["commit"] or f"ssrec {r['packages']['ssrec']}" for r in found)
    return f"{stage}; {data}; {split}; {candidates}, {seen}, ties last, {cold}; commit {commits}"


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
