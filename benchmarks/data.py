"""Seconds and peak memory of every stage from raw files to training rows, each in a process of its own.

    python benchmarks/data.py [--csv-rows 20000000] [--parquet-rows 100000000] [--threads 2] [--folder FOLDER]

Two inputs are generated: ratings as one csv (userId,movieId,rating,timestamp), and a partitioned Parquet folder of
the same columns. Users and items are drawn with a skew, times are uniform and rows in no order but the csv's,
which is by user, as in MovieLens. About 100 bytes of disk a row are needed. Nothing here fails for being slow;
seconds of processor time tell a slow machine from a busy one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import torch

SLICE = 1 << 22
COLUMNS = {"user": "userId", "item": "movieId", "time": "timestamp"}
STAGES = {
    "canonical": "raw -> canonical",
    "cleaned": "raw -> canonical, with 5-core and duplicates",
    "again": "canonical, stored",
    "split": "leave-one-out split",
    "rows": "split, stored -> rows and one batch",
}


def drawn(n: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Ids 1..size, the small ones most often."""
    return (torch.rand(n, generator=generator, dtype=torch.float64).pow(3) * size).long() + 1


def ratings(n: int, users: int, items: int, seed: int) -> pl.DataFrame:
    generator = torch.Generator().manual_seed(seed)
    columns = {
        "userId": drawn(n, users, generator),
        "movieId": drawn(n, items, generator),
        "rating": torch.randint(1, 11, (n,), generator=generator) / 2,
        "timestamp": torch.randint(789_652_004, 1_427_784_002, (n,), generator=generator),
    }
    return pl.DataFrame({name: column.numpy() for name, column in columns.items()})


def generate(kind: str, rows: int, folder: Path) -> None:
    sizes = [SLICE] * (rows // SLICE) + [rows % SLICE] * (rows % SLICE > 0)
    if kind == "csv":
        with (folder / "ratings.csv").open("wb") as file:
            per_slice = max(1, rows // 145 // len(sizes))  # users do not share slices, so that all are in order
            for k, n in enumerate(sizes):
                table = ratings(n, per_slice, 27_000, k).with_columns(pl.col("userId") + k * per_slice)
                table.sort("userId", maintain_order=True).write_csv(file, include_header=k == 0)
        return
    for k, n in enumerate(sizes):
        part = folder / "ratings" / f"bucket={k % 4}"
        part.mkdir(parents=True, exist_ok=True)
        ratings(n, rows // 50, rows // 200, k).write_parquet(part / f"part-{k:05}.parquet")


def stage(name: str, kind: str, folder: Path) -> None:
    """Run one stage; prints its seconds, peak memory and counts."""
    from ssrec.data.canonical import prepare
    from ssrec.data.clean import Cleaning
    from ssrec.data.rows import make_rows
    from ssrec.data.sources.table_source import TableSource
    from ssrec.data.split import LeaveOneOut, cut

    path = folder / ("ratings.csv" if kind == "csv" else "ratings")
    source = TableSource(interactions=str(path), columns=COLUMNS, name=f"ratings-{kind}")
    rated = TableSource(interactions=str(path), columns={**COLUMNS, "weight": "rating"}, name=f"ratings-{kind}")
    strict = Cleaning(min_rating=2, duplicates="first", iqr=10, k_core_user=5, k_core_item=5)
    Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak that the imports had
    started, used = time.perf_counter(), time.process_time()
    if name == "cleaned":
        canonical = prepare(rated, strict, folder / "data")
    else:
        canonical = prepare(source, Cleaning(), folder / "data")
    facts = f"{canonical.n_users:,} users, {canonical.n_items:,} items, {len(canonical.interactions):,} events"
    read = time.perf_counter() - started
    if name in ("split", "rows"):
        splits = cut(LeaveOneOut(), canonical, folder=folder / "data")
        facts = f"{len(splits.corpus.items):,} training events ({read:.1f} s of it to load canonical)"
        if name == "rows":
            rows = make_rows(splits.corpus, "window", 50)
            batch = rows.batch(torch.arange(256))
            facts = f"{len(rows):,} windows, a batch of {tuple(batch.items.shape)}"
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mib": peak_mib(), "facts": facts}))


def peak_mib() -> float:
    """The largest resident memory of this process since its peak was last forgotten."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def report(kind: str, rows: int, folder: Path, threads: int) -> None:
    env = {**os.environ, "POLARS_MAX_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    subprocess.run([sys.executable, __file__, "--generate", kind, str(rows), str(folder)], check=True, env=env)
    files = [p for p in folder.rglob("ratings*") if p.is_file()] + list(folder.rglob("part-*.parquet"))
    size = sum(p.stat().st_size for p in files) / 1e6
    print(f"\n{rows:,} rows as {kind}, {size:,.0f} MB, {threads} threads")
    print("| stage | seconds | of processor | peak memory, MiB | what it gave |\n|---|---:|---:|---:|---|")
    for name, said in STAGES.items():
        command = [sys.executable, __file__, "--stage", name, kind, str(folder)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=env)
        result = json.loads(ran.stdout.splitlines()[-1])
        numbers = f"{result['seconds']:.1f} | {result['cpu']:.1f} | {result['mib']:,.0f}"
        print(f"| {said} | {numbers} | {result['facts']} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv-rows", type=int, default=20_000_000, help="0: leave out")
    parser.add_argument("--parquet-rows", type=int, default=100_000_000, help="0: leave out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the temporary folder lies")
    parser.add_argument("--generate", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--stage", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.generate:
        generate(chosen.generate[0], int(chosen.generate[1]), Path(chosen.generate[2]))
    elif chosen.stage:
        stage(chosen.stage[0], chosen.stage[1], Path(chosen.stage[2]))
    else:
        for kind, rows in (("csv", chosen.csv_rows), ("parquet", chosen.parquet_rows)):
            if rows:
                with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
                    report(kind, rows, Path(folder), chosen.threads)


if __name__ == "__main__":
    main()
