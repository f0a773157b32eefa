"""`ssrec compare`: settings against each other over the same users, with what is sure and what is chance."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssrec.compare.comparable import Run, check_alike, named, settings
from ssrec.compare.paired import compared
from ssrec.compare.tables import LEGEND, differences, flat, overview, whole
from ssrec.compare.verdict import verdict
from ssrec.errors import UserError
from ssrec.table import caption, render

METRICS = ("ndcg@10",)


def text_of(arguments: list[str], base: Path) -> str:
    """The comparison that command-line arguments describe."""
    parser = argparse.ArgumentParser(prog="ssrec compare", description="Settings against each other, user by user.")
    parser.add_argument("run", nargs="+", help="a run's folder, a study's (all its runs), or a glob of them")
    parser.add_argument("--metric", nargs="+", default=METRICS, help="for example ndcg@10 recall@20; default ndcg@10")
    parser.add_argument("--level", type=float, default=0.95, help="of intervals; 1 - level is the error of verdicts")
    parser.add_argument("--resamples", type=int, default=10_000, help="of the bootstrap over users")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--format", choices=("markdown", "latex", "csv", "json"), default="markdown")
    chosen = parser.parse_args(arguments)
    return comparison(
        named(chosen.run, base),
        list(dict.fromkeys(chosen.metric)),
        level=chosen.level,
        resamples=chosen.resamples,
        seed=chosen.seed,
        form=chosen.format,
    )


def comparison(
    runs: Sequence[Run], metrics: Sequence[str], *, level: float, resamples: int, seed: int, form: str
) -> str:
    """Every pair of settings on every metric, best setting on the first metric first.

    Args:
        runs: over the same rows, of two or more settings.
        metrics: names as in a result, without `test/`.
        level: of intervals, in (0, 1).
        resamples: of users; 100 or more.
        seed: of the resampling.
        form: markdown, latex, csv or json.

    Raises:
        UserError: a setting out of its range, or runs that do not compare.
        DataError: a run has no values of its users.
    """
    if not 0 < level < 1:
        raise UserError(f"--level is {level}; it takes a share between 0 and 1, for example .95")
    if resamples < 100:
        raise UserError(f"--resamples is {resamples}; an interval takes 100 or more")
    check_alike(runs)
    found, lower = settings(runs, metrics)
    found.sort(key=lambda s: float(s.values[metrics[0]].nanmean()) * (1 if metrics[0] in lower else -1))
    pairs = compared(found, metrics, level=level, resamples=resamples, seed=seed)
    words = [verdict(pair, level, pair.metric in lower) for pair in pairs]
    if form == "json":
        return whole(runs, found, pairs, words, {"level": level, "resamples": resamples, "seed": seed})
    if form == "csv":
        return render(flat(pairs, words), "csv")
    place = {setting.name: str(i) for i, setting in enumerate(found, 1)}
    tables = [render(overview(found, metrics), form), render(differences(pairs, place, level), form)]
    if form == "markdown":
        told = [f"- {p.first} ({place[p.first]}) against {p.second} ({place[p.second]}): " for p in pairs]
        tables.append("\n".join(name + word for name, word in zip(told, words, strict=True)))
        tables.append(caption([run.result for run in runs], "test"))
        tables.append(LEGEND.format(resamples=resamples, tests=len(pairs)))
    return "\n\n".join(tables)


def main(arguments: list[str]) -> None:
    """`ssrec compare RUN RUN ... [--metric M ...] [--level L] [--resamples N] [--seed S] [--format F]`."""
    print(text_of(arguments, Path()))
