"""Which stored runs may be set against each other, and how they are grouped."""

import json

import polars as pl
import pytest
import torch

from ssrec import per_user
from ssrec.compare.comparable import check_alike, named, settings, shared
from ssrec.errors import DataError, UserError

ROWS = 6


def write(folder, label="sasrec", seed=1, *, targets=100, init=None, rows=ROWS, users="u", **changed):
    """A finished run; `changed` are of its dataset and protocol."""
    folder.mkdir(parents=True)
    result = {
        "fingerprint": folder.name,
        "label": label,
        "seed": seed,
        "config": {"seed": seed},
        "metrics": {},
        "init": init,
        "dataset": {"name": "world", "fingerprint": "f00", "split": "5b1"},
        "protocol": {
            **{"split": "leave_one_out", "history": "growing", "mask_seen": True},
            **{"n_test": rows, "rows": "window", "select": "best"},
        },
        "targets_seen_with_pretraining": targets,
    }
    for key, value in changed.items():
        part, name = key.split("__")
        result[part][name] = value
    (folder / "result.json").write_text(json.dumps(result))
    columns = {
        "row": torch.arange(rows),
        "n_targets": torch.ones(rows, dtype=torch.long),
        "ndcg@10": torch.arange(rows, dtype=torch.float64) / 10 + seed,
        "mean_rank": torch.full((rows,), torch.nan, dtype=torch.float64),
    }
    per_user.write(folder, columns, pl.Series([f"{users}{i}" for i in range(rows)]), frozenset({"mean_rank"}))
    return folder


def found(base, *names):
    return [run.place.name for run in named(names, base)]


def test_runs_are_named_by_folder_study_or_glob_and_found_once(tmp_path):
    for study, run in (("one", "a"), ("one", "b"), ("two", "c"), ("two", "a")):
        write(tmp_path / study / run)
    (tmp_path / "one" / "killed").mkdir()
    assert found(tmp_path, "one/b") == ["b"]
    assert found(tmp_path, "one") == ["a", "b"]
    assert found(tmp_path, "one/b", "one", "two") == ["b", "a", "c"]
    assert sorted(found(tmp_path, "*")) == sorted(found(tmp_path, "*/*")) == ["a", "b", "c"]
    assert found(tmp_path / "else", str(tmp_path / "t*")) == ["a", "c"], "an absolute glob"
    for name in ("three", "one/killed", "th*"):
        with pytest.raises(UserError, match=r"holds no finished run; name a run's folder \(<outputs>/<study>"):
            found(tmp_path, "one", name)
    (tmp_path / "one" / "a" / "result.json").write_text('{\n"cut')
    with pytest.raises(DataError, match=r"a/result\.json, line 2: not JSON"):
        found(tmp_path, "one")
    (tmp_path / "one" / "a" / "result.json").write_text("{}")
    with pytest.raises(DataError, match=r"a/result\.json is no result of a run"):
        found(tmp_path, "one")


def test_runs_that_others_start_from_come_only_by_name(tmp_path):
    write(tmp_path / "s" / "pretrained", "masked_item")
    write(tmp_path / "s" / "tuned", init={"fingerprint": "pretrained", "config": {}})
    assert found(tmp_path, "s") == ["tuned"]
    assert found(tmp_path, "s", "s/pretrained") == ["pretrained", "tuned"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dataset__name": "moon"}, "dataset.name is world"),
        ({"dataset__fingerprint": "f01"}, "dataset.fingerprint is f00"),
        ({"protocol__split": "ratio"}, "protocol.split is leave_one_out"),
        ({"protocol__mask_seen": False}, "protocol.mask_seen is True in .*/a\nand False in .*/b$"),
        ({"protocol__candidates": "sampled"}, "protocol.candidates is not stored in .*\nand sampled"),
        ({"dataset__split": "5b2"}, "dataset.split is 5b1"),
    ],
)
def test_other_questions_are_refused_by_key_and_both_values(tmp_path, changed, said):
    write(tmp_path / "a")
    write(tmp_path / "b", **changed)
    with pytest.raises(UserError, match=f"^these runs do not compare: {said}"):
        check_alike(named(["a", "b"], tmp_path))


def test_the_metrics_that_all_runs_have(tmp_path):
    write(tmp_path / "a")
    assert shared(named(["a"], tmp_path)) == {"ndcg@10", "mean_rank"}
    file = write(tmp_path / "b") / "per_user.parquet"
    pl.read_parquet(file).drop("mean_rank").write_parquet(file)
    assert shared(named(["a", "b"], tmp_path)) == {"ndcg@10"}


def test_how_a_run_was_trained_and_what_was_counted_may_differ(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b", protocol__rows="edge", protocol__select="last", protocol__n_test_tied=3)
    check_alike(named(["a", "b"], tmp_path))


def test_runs_are_grouped_over_seeds(tmp_path):
    for name, seed in (("a", 3), ("b", 1), ("c", 2)):
        write(tmp_path / name, seed=seed)
    write(tmp_path / "d", "popularity", targets=0)
    write(tmp_path / "e", "from a file", targets=None)
    made, lower = settings(named(["?"], tmp_path), ["ndcg@10", "mean_rank"])
    assert [(s.name, s.seeds, s.fitted) for s in made] == [
        ("sasrec", (1, 2, 3), False),
        ("popularity", (1,), True),
        ("from a file", (1,), False),
    ]
    assert made[0].values["ndcg@10"][:, 0].tolist() == [1, 2, 3]
    assert made[0].values["mean_rank"].isnan().all()
    assert lower == {"mean_rank"}
    assert settings(named(["?"], tmp_path), ["ndcg@10"])[1] == frozenset()


def refused(tmp_path, metric="ndcg@10"):
    with pytest.raises((UserError, DataError)) as caught:
        settings(named(["*"], tmp_path), [metric])
    return str(caught.value).replace(str(tmp_path), "")


def test_what_does_not_compare_is_said(tmp_path):
    write(tmp_path / "a")
    assert refused(tmp_path) == "all runs are of one setting, sasrec; name runs of two or more"
    write(tmp_path / "b", "ease")
    told = refused(tmp_path, "ndgc@10")
    assert told == "/a has no values of ndgc@10 for each user; did you mean ndcg@10?"
    write(tmp_path / "c")
    told = "sasrec has two runs with seed 1, whose settings do not differ; name one of them:\n/a and /c"
    assert refused(tmp_path) == told


def test_other_rows_are_refused(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b", "ease", rows=4)
    assert refused(tmp_path) == "these runs do not compare: /a tested 6 rows\nand /b 4"
    write(tmp_path / "0", "another", users="v")
    line = (
        "these runs do not compare: line 1 of /0 is row 0, user v0, n_targets 1\nand of /a row 0, user u0, n_targets 1"
    )
    assert refused(tmp_path) == line


def test_a_run_without_its_users_or_with_a_broken_file_says_what_to_do(tmp_path):
    write(tmp_path / "a")
    file = write(tmp_path / "b", "ease") / "per_user.parquet"
    file.write_bytes(b"PAR1")
    assert refused(tmp_path).startswith("/b/per_user.parquet is damaged (ComputeError); delete /b and make")
    file.unlink()
    assert refused(tmp_path) == (
        "/b has no per_user.parquet: it is from before runs stored what each user scored\n"
        "delete that folder and make the run again"
    )
