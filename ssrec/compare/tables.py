"""A comparison as tables, and as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import polars as pl

from ssrec.compare.comparable import Run
from ssrec.compare.paired import Pair
from ssrec.compare.setting import Setting
from ssrec.compare.verdict import chance, number

LEGEND = """Differences are first minus second. Over users: for these runs, BCa, {resamples} resamples. Over both: for
runs with other seeds too, Student's t; p belongs to it, or to users alone where a setting has one seed. p t (paired)
and p Wilcoxon are over users. All p after Holm over {tests} lines."""


def overview(found: Sequence[Setting], metrics: Sequence[str]) -> pl.DataFrame:
    """The settings by their numbers: mean over users and runs, deviation over runs."""
    rows = []
    for i, setting in enumerate(found, 1):
        row = {"#": i, "setting": setting.name, "runs": len(setting.seeds)}
        for metric in metrics:
            means = setting.values[metric].nanmean(1)
            row[metric] = number(float(means.mean())) + (f" ± {number(float(means.std()))}" if len(means) > 1 else "")
        rows.append(row)
    return pl.DataFrame(rows)


def differences(pairs: Sequence[Pair], place: dict[str, str], level: float) -> pl.DataFrame:
    """One line for each pair and metric, in few digits; p values after Holm."""

    def shown(value: float) -> str:
        return "" if math.isnan(value) else number(value)

    def ends(low: float, high: float) -> str:
        return "" if math.isnan(low) else f"{number(low)} to {number(high)}"

    def p(value: float) -> str:
        return "" if math.isnan(value) else chance(value).replace("below ", "< ")

    return pl.DataFrame(
        {
            "metric": pair.metric,
            "pair": f"{place[pair.first]} - {place[pair.second]}",
            "difference": shown(pair.difference),
            f"{100 * level:.4g}% over users": ends(pair.low, pair.high),
            "deviation over seeds": shown(pair.deviation),
            f"{100 * level:.4g}% over both": ends(pair.low_all, pair.high_all),
            "p": p(pair.p_holm),
            "p t": p(pair.p_t_holm),
            "p Wilcoxon": p(pair.p_wilcoxon_holm),
            "d_z": shown(pair.effect),
            "users higher / lower / equal": f"{pair.higher:.1%} / {pair.lower:.1%} / {pair.equal:.1%}",
        }
        for pair in pairs
    )


def _plain(pair: Pair) -> dict[str, object]:
    """Full precision; None for what is not known."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(pair).items()}


def flat(pairs: Sequence[Pair], words: Sequence[str]) -> pl.DataFrame:
    """One line for each pair and metric, in full precision."""
    rows = []
    for pair, word in zip(pairs, words, strict=True):
        row = _plain(pair)
        del row["seeds"]
        rows.append({**row, "seeds_first": pair.seeds[0], "seeds_second": pair.seeds[1], "verdict": word})
    return pl.DataFrame(rows, infer_schema_length=None)


def whole(
    runs: Sequence[Run],
    found: Sequence[Setting],
    pairs: Sequence[Pair],
    words: Sequence[str],
    asked: Mapping[str, float | int],
) -> str:
    """JSON of everything: what was asked, which data and rules, the settings, and each pair with its verdict."""
    told = {
        **asked,
        "holm": "over all pairs and metrics",
        "dataset": runs[0].result["dataset"],
        "protocol": runs[0].result["protocol"],
        "settings": [{"name": s.name, "seeds": s.seeds, "fitted": s.fitted} for s in found],
        "runs": [run.result["fingerprint"] for run in runs],
        "pairs": [{**_plain(pair), "verdict": word} for pair, word in zip(pairs, words, strict=True)],
    }
    return json.dumps(told, indent=1)
