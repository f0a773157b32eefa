"""What is published gives the tables and verdicts of the runs themselves, and is small."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
import torch

from ssrec import per_user
from ssrec.cli import main
from ssrec.fill import main as fill

WORLD = ["dataset.users=60", "dataset.items=64", "ks=[5,10]", "metric=[ndcg,recall,mean_rank]", "cold_targets=drop"]


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """Two floors, whose rows are not all tested."""
    monkeypatch.chdir(tmp_path)
    main(["train", "-m", "study=floors", "recipe=popularity,markov", "dataset.items=400", *WORLD[:1], *WORLD[2:]])
    return Path("outputs/floors")


def printed(capsys, *arguments: str) -> str:
    capsys.readouterr()
    main(list(arguments))
    return capsys.readouterr().out


def refused(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    assert left.value.code == 2
    return capsys.readouterr().err


def test_published_results_compare_as_the_runs_do_and_with_them(study, capsys):
    assert printed(capsys, "publish", str(study), "--to", "results/floors") == "results/floors\n"
    results = {f.parent.name: f.read_bytes() for f in study.glob("*/result.json")}
    assert {f.stem: f.read_bytes() for f in Path("results/floors").glob("*.json")} == results
    assert {f.stem for f in Path("results/floors").glob("*.parquet")} == results.keys()
    asked = ("--metric", "ndcg@10", "mean_rank", "--format", "json")
    expected = printed(capsys, "compare", str(study), *asked)
    for names in (["results/floors"], ["results/floors/*.json"], ["results/*"]):
        assert json.loads(printed(capsys, "compare", *names, *asked)) == json.loads(expected)
    one, other = sorted(results)
    mixed = printed(capsys, "compare", f"results/floors/{one}.json", f"{study}/{other}", *asked)
    assert json.loads(mixed)["pairs"] == json.loads(expected)["pairs"]
    for names in ([str(study)], ["results/floors"]):
        assert printed(capsys, "table", *names, "--metrics", "ndcg@10") == printed(
            capsys, "table", str(study), "--metrics", "ndcg@10"
        )


def test_fewer_metrics_may_be_kept_and_others_are_missed_in_words(study, capsys):
    main(["publish", str(study), "--to", "results", "--metric", "ndcg@10"])
    assert printed(capsys, "compare", "results") == printed(capsys, "compare", str(study))
    assert ".json has no values of recall@10 for each user; known: ndcg@10" in refused(
        capsys, "compare", "results", "--metric", "recall@10"
    )
    assert "did you mean ndcg@10?" in refused(capsys, "publish", str(study), "--to", "new", "--metric", "ndgc@10")
    assert not Path("new").exists(), "nothing is written before all is looked at"
    for file in Path("results").glob("*.parquet"):
        file.unlink()
    assert "its result was published without values of users" in refused(capsys, "compare", "results")


def test_what_was_published_may_be_published_again(study, capsys):
    main(["publish", str(study), "--to", "results"])
    before = {f.name: f.read_bytes() for f in Path("results").iterdir()}
    main(["publish", "results", "--to", "results"])
    assert {f.name: f.read_bytes() for f in Path("results").iterdir()} == before
    shutil.rmtree(study)
    assert "holds no finished run" in refused(capsys, "publish", str(study), "--to", "results")


def test_what_differs_from_its_commit_is_said(study, capsys):
    (file, _) = study.glob("*/result.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"commit": "0123456789ab-dirty"}))
    main(["publish", str(file.parent), "--to", "results"])
    assert "nobody can make it again" in capsys.readouterr().err


def test_rows_that_were_left_out_keep_their_numbers_and_many_rows_are_small(tmp_path):
    n = 22_363
    draw = torch.Generator().manual_seed(0)
    rank = torch.randint(1, 200, (n,), generator=draw)
    columns = {
        "row": torch.arange(n) + torch.arange(n) // 100,
        "n_targets": torch.ones(n, dtype=torch.long),
        "ndcg@10": torch.where(rank <= 10, 1 / (rank + 1.0).log2(), 0.0).double(),
        "mean_rank": rank.double(),
    }
    per_user.write(tmp_path, columns, pl.Series(map(str, range(2 * n))), frozenset({"mean_rank"}))
    file, copy = tmp_path / per_user.FILE, tmp_path / "f.parquet"
    per_user.publish(file, copy, ["mean_rank", "ndcg@10"])
    assert per_user.read(copy).equals(per_user.read(file).select(*per_user.KEYS, "mean_rank", "ndcg@10"))
    assert per_user.lower_is_better(copy) == {"mean_rank"}
    assert copy.stat().st_size < 120_000
    per_user.publish(file, copy, ["ndcg@10"])
    assert per_user.lower_is_better(copy) == frozenset()
    assert copy.stat().st_size < 90_000


def test_a_comparison_fills_its_part_of_a_file(study, capsys):
    main(["publish", str(study), "--to", "results"])
    readme = Path("README.md")
    readme.write_text(
        "<!-- ssrec compare results --metric ndcg@5 -->\n\n<!-- end -->\n<!-- ssrec matrix -->\n<!-- end -->"
    )
    fill([str(readme)])
    expected = printed(capsys, "compare", "results", "--metric", "ndcg@5")
    assert readme.read_text().startswith(f"<!-- ssrec compare results --metric ndcg@5 -->\n{expected}<!-- end -->\n")
