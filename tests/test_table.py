"""Tables from result files: grouping over seeds, labels by what differs, three formats."""

import json
import statistics

import polars as pl
import pytest

from ssrec.errors import DataError, UserError
from ssrec.table import caption, frame, main, render, results, summary


def stored(label="sasrec: next_item", seed=1, ndcg=0.1, targets=100, **config):
    return {
        "fingerprint": f"{label}{seed}{config}",
        "label": label,
        "seed": seed,
        "config": {"seed": seed, "study": "s", **config},
        "init": None,
        "metrics": {"test/ndcg@10": ndcg, "test/popularity@10": 1000 * ndcg},
        "dataset": {"name": "world", "fingerprint": "0123456789abcdef"},
        "protocol": {"split": "leave_one_out", "history": "growing", "mask_seen": True},
        "targets_seen_with_pretraining": targets,
        "commit": "abc",
        "packages": {"ssrec": "0.1.0"},
    }


def write(folder, *found):
    for i, result in enumerate(found):
        (folder / f"run{i}").mkdir(parents=True)
        (folder / f"run{i}" / "result.json").write_text(json.dumps(result))
    return folder


def test_mean_and_deviation_are_over_seeds():
    values = [0.1, 0.12, 0.17]
    rows = summary(frame([stored(seed=i, ndcg=v) for i, v in enumerate(values)]), ["ndcg@10", "popularity@10"])
    assert rows["seeds"].to_list() == [3]
    assert rows["ndcg@10"].to_list() == [f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"]
    assert rows["popularity@10"].to_list() == [
        f"{1000 * statistics.mean(values):.2f} ± {1000 * statistics.stdev(values):.2f}"
    ]


def test_runs_with_one_label_are_told_apart_by_the_settings_that_differ():
    found = [stored(objective={"c": {"weight": w}}, model={"dim": 8}) for w in (0.1, 0.3)]
    assert frame(found)["run"].to_list() == ["sasrec: next_item, c.weight=0.1", "sasrec: next_item, c.weight=0.3"]


def test_another_class_stands_for_its_settings():
    full, few, many = {"_target_": "a.b.Softmax"}, *({"_target_": "a.b.Sampled", "negatives": n} for n in (3, 9))

    def shown(*losses):
        found = [stored(objective={"next_item": {"loss": {"loss": loss}}}) for loss in losses]
        return [r.removeprefix("sasrec: next_item, ") for r in frame(found)["run"]]

    assert shown(full, few) == ["loss=Sampled", "loss=Softmax"]
    negatives = "next_item.loss.loss.negatives"
    assert shown(full, few, many) == [f"loss=Sampled, {negatives}=3", f"loss=Sampled, {negatives}=9", "loss=Softmax"]


def test_settings_of_a_pretraining_tell_runs_apart_too():
    found = [{**stored(), "init": stored(optimizer={"lr": lr})} for lr in (0.1, 0.2)]
    assert [r.split(", ")[1] for r in frame(found)["run"]] == ["init.optimizer.lr=0.1", "init.optimizer.lr=0.2"]


def test_floors_come_first_and_where_it_ran_does_not_matter():
    found = [stored(), stored(seed=2, hardware={"devices": 2}), stored("popularity", targets=0)]
    rows = summary(frame(found), ["ndcg@10"])
    assert rows["run"].to_list() == ["popularity", "sasrec: next_item"]
    assert rows["seeds"].to_list() == [1, 2]
    assert rows["ndcg@10"].to_list()[0] == "0.1000", "one run has no deviation"


def test_three_formats(tmp_path, capsys):
    folder = str(write(tmp_path, stored(), stored(seed=2, ndcg=0.2)))
    main([folder, "--metrics", "ndcg@10"])
    head, rule, row, _, below = capsys.readouterr().out.strip().split("\n")
    assert [len(line) for line in (head, rule)] == [len(row)] * 2
    assert "0.1500 ± 0.0707" in row
    assert (
        below
        == "test; world 01234567; leave_one_out, growing history; full catalogue, seen masked, ties last, cold targets "
        "count as misses; no floor beside them (popularity, markov, item_knn, ease); commit abc"
    )
    main([folder, "--metrics", "ndcg@10", "--format", "csv"])
    assert capsys.readouterr().out.splitlines()[1] == "sasrec: next_item,2,100,0.1500 ± 0.0707,few seeds"
    main([folder, "--metrics", "ndcg@10", "--format", "latex"])
    latex = capsys.readouterr().out
    assert r"sasrec: next\_item & 2 & 100 & 0.1500 $\pm$ 0.0707 & few seeds \\" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 1


def test_several_datasets_are_not_set_side_by_side_without_saying_so():
    other = {**stored(), "dataset": {"name": "other", "fingerprint": "f" * 16}}
    assert summary(frame([stored(), other]), ["ndcg@10"])["dataset"].to_list() == ["other ffffffff", "world 01234567"]


def ruled(label="sasrec: next_item", config=None, **rules):
    result = stored(label, **(config or {}))
    return {**result, "protocol": {**result["protocol"], **rules}}


def test_runs_of_different_rules_each_say_theirs():
    """Also where their labels differ, and once: not as a setting and in words."""
    masked, open_ = ruled("markov", mask_seen=True), ruled(mask_seen=False, config={"mask_seen": False})
    assert frame([masked, {**masked, "seed": 2}])["run"].to_list() == ["markov"] * 2
    assert frame([masked, open_])["run"].to_list() == ["markov, seen masked", "sasrec: next_item, seen not masked"]
    others = [
        ruled(cold_targets="drop", config={"cold_targets": "drop"}),
        ruled(candidates="9 uniform negatives (seed 0)", config={"candidates": {"_target_": "a.Sampled", "n": 9}}),
        ruled(history="frozen", order_of_ties="shuffled (seed 1)", config={"clean": {"ties": "shuffled"}}),
        ruled(split="ratio", config={"split": {"_target_": "a.Ratio", "test": 0.2, "history": "growing"}}),
    ]
    told = [{r.removeprefix("sasrec: next_item, ") for r in frame([stored(), other])["run"]} for other in others]
    assert told == [
        {"cold targets count as misses", "cold targets dropped"},
        {"full catalogue", "9 uniform negatives (seed 0)"},
        {"growing history, ties in time: file", "frozen history, ties in time: shuffled (seed 1)"},
        {"leave_one_out", "ratio, test=0.2"},
    ]


def test_a_caption_names_all_rules(tmp_path, capsys):
    few = ruled(cold_targets="drop", candidates="9 uniform negatives (seed 0)", mask_seen="zero")
    main([str(write(tmp_path, few)), "--metrics", "ndcg@10"])
    told = "9 uniform negatives (seed 0), seen scored 0, ties last, cold targets dropped; no floor"
    assert told in capsys.readouterr().out


def test_a_caption_says_that_no_floor_is_there():
    trained, floor, judged = stored(), stored("popularity", targets=0), stored("theirs", targets=None)
    assert "; no floor beside them (popularity, " in caption([trained, judged], "test")
    assert "no floor" not in caption([trained, judged, floor], "test")


def test_fitted_models_are_not_told_apart_by_what_only_training_reads():
    settings = ((1, "a", "b"), (2, "c", "d"))
    found = [stored("markov", seed, targets=0, monitor=m, data={"rows": r}) for seed, m, r in settings]
    assert frame(found)["run"].to_list() == ["markov", "markov"]
    assert len(set(frame([{**f, "targets_seen_with_pretraining": 9} for f in found])["run"])) == 2


def test_what_cannot_be_shown_is_said(tmp_path):
    with pytest.raises(DataError, match="holds no results"):
        results(tmp_path)
    with pytest.raises(UserError, match=r"no run has test/ndgc@10; they have ndcg@10, popularity@10"):
        summary(frame([stored()]), ["ndgc@10"])
    (tmp_path / "a.json").write_text('{"cut')
    with pytest.raises(DataError, match=r"a\.json, line 1: not JSON"):
        results(tmp_path)


def test_pretraining_runs_are_shown_only_when_asked_for(tmp_path, capsys):
    pretraining = stored("sasrec: masked_item", targets=50)
    folder = str(write(tmp_path, pretraining, {**stored("sasrec: masked_item -> next_item"), "init": pretraining}))
    main([folder, "--metrics", "ndcg@10"])
    assert "sasrec: masked_item " not in capsys.readouterr().out.replace("masked_item ->", "")
    main([folder, "--metrics", "ndcg@10", "--all"])
    assert "sasrec: masked_item " in capsys.readouterr().out.replace("masked_item ->", "")


def test_markdown_cells_line_up():
    lines = render(summary(frame([stored(), stored("popularity", targets=0)]), ["ndcg@10"]), "markdown").splitlines()
    assert len({len(line) for line in lines}) == 1


def test_a_row_says_what_to_be_warned_of(tmp_path, capsys):
    runs = [stored(seed=seed) for seed in (1, 2, 3)]
    for run, names in zip(runs, (["undertrained", "no order"], ["no order"], ["no order"]), strict=True):
        run["warnings"] = dict.fromkeys(names, "a sentence")
    main([str(write(tmp_path, *runs)), "--metrics", "ndcg@10", "--format", "csv"])
    head, row = capsys.readouterr().out.splitlines()
    assert head.endswith(",warnings") and row.endswith(",undertrained (1 of 3); no order")


def test_a_run_that_is_there_twice_is_one_seed_and_that_is_said(tmp_path, capsys):
    """The copy of another study, and the same setting and seed with another fingerprint."""
    runs = [stored(seed=seed, ndcg=seed / 10) for seed in (1, 2, 3)]
    again = {**runs[0], "fingerprint": "other", "metrics": {**runs[0]["metrics"], "test/more@10": 0.5}}
    for twice, said in (([runs[0]], "1 run"), ([runs[0], again], "2 runs")):
        folder = write(tmp_path / said, *runs, *twice)
        main([str(folder), "--metrics", "ndcg@10", "--format", "csv"])
        (row,) = capsys.readouterr().out.splitlines()[1:]
        assert row == f"sasrec: next_item,3,100,0.2000 ± 0.1000,left out: {said} of the same seed"


def test_without_a_warning_there_is_no_column_for_them(tmp_path, capsys):
    main([str(write(tmp_path, *(stored(seed=seed) for seed in (1, 2, 3)))), "--metrics", "ndcg@10"])
    assert "warnings" not in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{}", "[]", '{"metrics": {}}'])
def test_what_is_no_result_is_named(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"a\.json is no result of a run"):
        results(tmp_path)


def test_names_are_escaped():
    rows = pl.DataFrame({"#": ["a_b|c -> d & {e}"], "p": ["< .1 %"]})
    assert render(rows, "latex").splitlines()[2:5] == [
        r"\# & p \\",
        r"\midrule",
        r"a\_b|c -$>$ d \& \{e\} & $<$ .1 \% \\",
    ]
    assert render(rows, "markdown").splitlines()[2] == r"| a_b\|c -> d & {e} | < .1 % |"
    assert "a_b|c" in render(rows, "csv")
