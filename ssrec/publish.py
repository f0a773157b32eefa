"""`ssrec publish RUN ... --to FOLDER`: what published tables and comparisons rest on, small enough to be committed.

Of each run `<fingerprint>.json`, its result as it is, and `<fingerprint>.parquet`, what each user scored. `ssrec table`
and `ssrec compare` read such a folder as they read a study's.
"""

import argparse
import shutil
import sys
from pathlib import Path

from ssrec import per_user
from ssrec.compare.comparable import Run, check_metrics, named
from ssrec.provenance import DIRTY


def main(arguments: list[str]) -> None:
    """`ssrec publish RUN ... --to FOLDER [--metric M ...]`; prints the folder.

    Raises:
        UserError: a name holds no run, or a run has no such metric of each user.
        DataError: a run stored nothing of its users.
    """
    parser = argparse.ArgumentParser(prog="ssrec publish", description="Keep what published tables rest on.")
    parser.add_argument("run", nargs="+", help="a run's folder, a study's (all its runs), or a glob of them")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="for example results/strict")
    parser.add_argument("--metric", nargs="+", help="whose values of users are kept; default: all that there are")
    chosen = parser.parse_args(arguments)
    runs = named(chosen.run, Path())
    kept = [check_metrics(run, chosen.metric) for run in runs]  # all are looked at before the first is written
    chosen.to.mkdir(parents=True, exist_ok=True)
    for run, metrics in zip(runs, kept, strict=True):
        publish(run, metrics, chosen.to)
    print(chosen.to)


def publish(run: Run, metrics: list[str], folder: Path) -> None:
    """Write both files of a run."""
    if str(run.result.get("commit")).endswith(DIRTY):
        print(f"{run.place} was made by files that differ from their commit: nobody can make it again", file=sys.stderr)
    file = folder / f"{run.result['fingerprint']}.json"
    per_user.publish(run.values, per_user.file_of(file), metrics)
    if run.file.resolve() != file.resolve():
        shutil.copyfile(run.file, file)
