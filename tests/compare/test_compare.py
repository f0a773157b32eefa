"""`ssrec compare`, from runs that were made to what is printed."""

import csv
import io
import json
import time
from pathlib import Path

import pytest
import scipy.stats
import torch

from ssrec.cli import main
from ssrec.compare.paired import compared
from ssrec.compare.setting import Setting

WORLD = [
    *("dataset.users=60", "dataset.items=64", "model.dim=16", "model.layers=1", "ks=[5,10]", "trainer.max_epochs=1"),
    *("metric=[ndcg,recall,mean_rank]", "logger=none"),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study of a model with three seeds and of two floors."""
    outputs = tmp_path_factory.mktemp("outputs")
    for overrides in (["seed=1,2,3", *WORLD], ["recipe=popularity,markov", *WORLD[:2], *WORLD[4:]]):
        main(["train", "-m", f"outputs={outputs}", *overrides])
    return outputs / "default"


def printed(capsys, *arguments) -> str:
    capsys.readouterr()
    main(["compare", *map(str, arguments)])
    return capsys.readouterr().out.rstrip("\n")


def refused(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as left:
        main(["compare", *map(str, arguments)])
    assert left.value.code == 2
    return capsys.readouterr().err


def results(study) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for file in sorted(study.glob("*/result.json")):
        result = json.loads(file.read_text())
        found.setdefault(result["label"], []).append(result)
    return found


def test_json_holds_everything_and_agrees_with_the_results(study, capsys):
    told = json.loads(printed(capsys, study, "--metric", "ndcg@10", "mean_rank", "--format", "json"))
    assert len(told["pairs"]) == 2 * 3 and len(told["runs"]) == 5
    assert {s["name"]: (s["seeds"], s["fitted"]) for s in told["settings"]} == {
        "sasrec: next_item": ([1, 2, 3], False),
        "popularity": ([1], True),
        "markov": ([1], True),
    }
    of = results(study)
    for pair in told["pairs"]:
        first, second = ([r["metrics"][f"test/{pair['metric']}"] for r in of[pair[key]]] for key in ("first", "second"))
        assert pair["difference"] == pytest.approx(sum(first) / len(first) - sum(second) / len(second), abs=1e-6)
        assert pair["low"] <= pair["difference"] <= pair["high"]
        assert pair["low_all"] <= pair["difference"] <= pair["high_all"]
        assert pair["users"] == 60
        assert pair["p_holm"] >= pair["p"]
        word, good = pair["verdict"].split()[0], pair["difference"] > 0
        assert word in ("not", "better" if good != (pair["metric"] == "mean_rank") else "worse")
        assert f" on {pair['metric']}" in pair["verdict"]
    best = [s["name"] for s in told["settings"]]
    means = {name: sum(r["metrics"]["test/ndcg@10"] for r in rs) / len(rs) for name, rs in of.items()}
    assert best == sorted(means, key=lambda name: -means[name]), "best on the first metric first"


def test_every_pair_is_there_in_every_form(study, capsys):
    rows = list(csv.DictReader(io.StringIO(printed(capsys, study, "--format", "csv"))))
    assert [r["metric"] for r in rows] == ["ndcg@10"] * 3
    assert {r["seeds_first"] for r in rows} | {r["seeds_second"] for r in rows} == {"", "3"}
    text = printed(capsys, study)
    overview, pairs, words, below, legend = text.split("\n\n")
    assert len(overview.splitlines()) == len(pairs.splitlines()) == 5
    assert " ± " in overview and "95% over users" in pairs
    for row, line in zip(rows, words.splitlines(), strict=True):
        assert line.startswith(f"- {row['first']} (") and f" against {row['second']} (" in line
        assert line.endswith(": " + row["verdict"])
    assert below.startswith("test; synthetic ") and legend.endswith("after Holm over 3 lines.")
    latex = printed(capsys, study, "--format", "latex")
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    assert r"95\% over users" in latex and "%" not in latex.replace(r"\%", "")


def test_what_is_asked_for_has_an_effect(study, capsys):
    def interval(*arguments):
        rows = csv.DictReader(io.StringIO(printed(capsys, study, "--format", "csv", *arguments)))
        return [(float(r["low"]), float(r["high"]), float(r["low_all"])) for r in rows]

    usual = interval()
    assert interval() == usual, "the same draws"
    for (low, high, low_all), (wide_low, wide_high, wide_low_all) in zip(
        usual, interval("--level", ".99"), strict=True
    ):
        assert wide_low < low and high < wide_high and wide_low_all < low_all
    for arguments in (("--seed", "1"), ("--resamples", "500")):
        other = interval(*arguments)
        assert other != usual and [o[2] for o in other] == [u[2] for u in usual]
        assert other == [pytest.approx(u, abs=0.02) for u in usual]


def test_runs_may_be_named_one_by_one(study, capsys):
    of = results(study)
    chosen = [study / of[label][0]["fingerprint"] for label in ("popularity", "sasrec: next_item")]
    (row,) = csv.DictReader(io.StringIO(printed(capsys, *chosen, "--format", "csv")))
    assert row["low_all"] == row["deviation"] == ""
    assert "over users alone, 1 seed (fewer than 3: others may say otherwise)" in row["verdict"]


def test_mistakes_are_told_in_two_lines(study, capsys):
    assert refused(capsys, study, "--metric", "ndcg@11").startswith("ssrec: ")
    assert "did you mean ndcg@1" in refused(capsys, study, "--metric", "ndcg@11")
    assert refused(capsys, study, "--level", "95") == (
        "ssrec: --level is 95.0; it takes a share between 0 and 1, for example .95\n"
    )
    assert refused(capsys, study, "--resamples", "9") == ("ssrec: --resamples is 9; an interval takes 100 or more\n")
    assert "holds no finished run" in refused(capsys, study / "nothing")


def test_another_protocol_is_refused(study, capsys):
    main(
        [
            "train",
            f"outputs={study.parent}",
            "study=open",
            "recipe=popularity",
            *WORLD[:2],
            *WORLD[4:],
            "mask_seen=false",
        ]
    )
    told = refused(capsys, study, study.parent / "open").splitlines()
    assert len(told) == 2 and told[0].startswith("ssrec: these runs do not compare: protocol.mask_seen is True in ")
    assert told[1].startswith("and False in ")


def test_many_users_and_settings_take_seconds():
    draw = torch.rand(10, 3, 22_363, dtype=torch.float64)
    made = [Setting(f"s{i}", (1, 2, 3), {"x": torch.where(d < 0.05 + i / 500, d, 0.0)}) for i, d in enumerate(draw)]
    started = time.process_time()
    found = compared(made, ["x"], level=0.95, resamples=10_000, seed=0)
    assert time.process_time() - started < 20, "a limit that a loop over users or draws would miss by far"
    judge = scipy.stats.ttest_rel(*(made[i].values["x"].mean(0).numpy() for i in (0, 1)))
    assert len(found) == 45 and found[0].p_t == pytest.approx(judge.pvalue, rel=1e-6)
