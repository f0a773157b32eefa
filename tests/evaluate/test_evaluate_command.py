"""The verb: our own lists come back with our own numbers, and whatever is odd about others' is told or refused."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch

from ssrec.cli import main
from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.sources.synthetic import Synthetic
from ssrec.data.split import LeaveOneOut
from ssrec.evaluate.asked import Asked
from ssrec.runs import read
from ssrec.train import train

WORLD = ["dataset.users=60", "dataset.items=64", "ks=[5,10]"]
METRICS = "metric=[recall,hit_rate,ndcg,mrr,precision,map,coverage,novelty,auc]"


@pytest.fixture
def judged(tmp_path, monkeypatch, capsys):
    """Judges a file, or rows of (user, item, score); returns the result, what was printed, and what was told."""
    monkeypatch.chdir(tmp_path)

    def judge(rankings, *words: str, code: int = 0):
        file = rankings if isinstance(rankings, Path) else tmp_path / "theirs.csv"
        if not isinstance(rankings, Path):
            rankings.write_csv(file)
        given = [
            "--rankings",
            str(file),
            "--dataset",
            "synthetic",
            "--no-floors",
            *WORLD,
            f"outputs={tmp_path}",
            *words,
        ]
        if code:
            with pytest.raises(SystemExit) as left:
                main(["evaluate", *given])
            assert left.value.code == code
            return capsys.readouterr().err
        main(["evaluate", *given])
        out, err = capsys.readouterr()
        folder = Path(next(line for line in out.splitlines() if line.startswith(str(tmp_path))))
        return read(folder), out, err

    return judge


@pytest.fixture
def asked(tmp_path):
    """The test rows of the same world: user, item, the past, in raw ids."""
    canonical = prepare(Synthetic(users=60, items=64), Cleaning(), tmp_path / "data")
    test = LeaveOneOut()(canonical).test
    ids = canonical.items["id"].to_list()
    return pl.DataFrame(
        {
            "user": canonical.users["id"].gather(test.user.numpy() - 1),
            "target": [ids[i - 1] for i in test.target.values.tolist()],
            "past": [
                [ids[i - 1] for i in past.tolist()] for past in test.past.values.split(test.past.lengths.tolist())
            ],
        }
    )


@pytest.fixture
def lists(asked):
    """Random lists of 12 unseen items each, with a score."""
    draw = torch.Generator().manual_seed(1)
    rows = []
    for user, target, past in asked.iter_rows():
        order = [i for i in torch.randperm(64, generator=draw).tolist() if i == target or i not in past]
        rows += [(user, i, float(-place)) for place, i in enumerate(order[:12])]
    return pl.DataFrame(rows, schema=["user", "item", "score"], orient="row")


@pytest.mark.parametrize("model", ["recipe=markov", "recipe=popularity", "model=sasrec"])
@pytest.mark.parametrize("split", ["split=leave_one_out", "split=ratio"])
def test_our_own_lists_give_our_own_numbers(tiny, judged, model, split):
    run = train(tiny(model, split, "rankings=20", METRICS, "stratum=[short,cold]"))
    result, out, _ = judged(run / "rankings.parquet", split, METRICS, "stratum=[short,cold]", "--name", "again")
    expected = {k: v for k, v in read(run)["metrics"].items() if k.startswith("test/") and "auc" not in k}
    if model != "model=sasrec":  # their scores tie, and which of equals are listed first decides nothing but these
        expected = {k: v for k, v in expected.items() if "coverage" not in k and "novelty" not in k}
    got = result["metrics"] if model == "model=sasrec" else {k: result["metrics"][k] for k in expected}
    assert got == pytest.approx(expected, abs=1e-9)
    assert "| again" in out
    per_user = [pl.read_parquet(f / "per_user.parquet") for f in (run, Path(out.split()[-1]))]
    (ours, theirs) = (table.select("row", "user", "n_targets", "ndcg@10", "map@5") for table in per_user)
    assert theirs.equals(ours)


def test_whole_rankings_answer_every_metric(tiny, judged):
    run = train(tiny("model=sasrec", "rankings=64", METRICS))
    result, _, _ = judged(run / "rankings.parquet", METRICS)
    assert result["metrics"]["test/auc"] == pytest.approx(read(run)["metrics"]["test/auc"], abs=1e-9)
    assert "lists end" not in result["warnings"]


def test_the_result_has_the_form_of_a_runs(tiny, judged, lists):
    result, _, err = judged(lists, METRICS)
    trained = read(train(tiny("recipe=markov")))
    assert trained.keys() - {"rankings"} <= result.keys()
    assert result["label"] == "theirs"
    assert result["dataset"] == trained["dataset"]
    same = trained["protocol"].keys() - {"rows", "monitor", "select"}
    assert {k: result["protocol"][k] for k in same} == {k: trained["protocol"][k] for k in same}
    assert result["warnings"].keys() == {"lists end"}
    assert "auc" in err and "test/auc" not in result["metrics"]
    assert set(result["metrics"]) == {f"test/{m}@{k}" for m in METRICS[8:-5].split(",") for k in (5, 10)}


def test_floors_stand_beside_and_are_found_again(judged, lists, tmp_path, capsys):
    lists.write_csv(tmp_path / "l.csv")
    asked = ["evaluate", "--rankings", "l.csv", "--dataset", "synthetic", *WORLD, "metric=[recall]", "ks=[5]"]
    main(asked)
    out, err = capsys.readouterr()
    table = [line.split()[1] for line in out.splitlines() if line.startswith("| ")]
    assert table == ["run", "l", "item_knn", "markov", "popularity"]
    assert "already" not in err
    main(asked)
    again, err = capsys.readouterr()
    assert again == out
    assert err.count("already") == 4, "the floors and the rankings"
    main(["table", "outputs/default", "--metrics", "recall@5"])
    assert "| l  " in capsys.readouterr().out


def test_against_a_run_it_says_what_differs(tiny, judged, lists):
    run = train(tiny("recipe=markov"))
    _, out, _ = judged(lists, "--against", str(run), "seed=3")
    (line,) = [line for line in out.splitlines() if "theirs" in line and "markov" in line and "ndcg@10" in line]
    assert "worse" in line or "better" in line or "not distinguishable" in line
    assert "holds no finished run" in judged(lists, "--against", "nowhere", code=2)


def test_a_refit_is_judged_by_the_same_test(tiny, judged, lists):
    run = train(tiny("recipe=markov", "refit=true"))
    again, _, _ = judged(lists, "--against", str(run), "refit=true")
    result, _, _ = judged(lists)
    assert again["metrics"]["test/ndcg@10"] == result["metrics"]["test/ndcg@10"]
    assert again["protocol"]["n_train"] > result["protocol"]["n_train"]


def test_what_does_not_compare_is_found_before_anything_is_ranked(tiny, judged, lists, tmp_path, capsys):
    run = train(tiny("recipe=markov", "mask_seen=false"))
    told = judged(lists, "--against", str(run), code=2)
    assert told.splitlines() == [
        f"ssrec: these runs do not compare: protocol.mask_seen is True in {tmp_path / 'theirs.csv'}",
        f"and False in {run}",
    ]
    assert not list(tmp_path.glob("default/*/per_user.parquet"))[1:], "but for the run's own there is no result"
    folder = judged(lists)[1].split()[-1]
    told = judged(lists, "--against", str(run), code=2)
    assert f"True in {folder}\nand False in {run}" in told, "nor is what was judged already compared"
    other = train(tiny("recipe=markov", "ks=[4]", "monitor=val/ndcg@4", "metric=[ndcg,coverage]"))
    told = judged(lists, "--against", str(other), "seed=7", code=2)
    assert told == "ssrec: --against: these runs stored ndcg@4 of each user, and nothing of it is asked for here\n"
    told = judged(lists, "--against", str(other), str(run), code=2)
    assert told.startswith("ssrec: these runs do not compare: protocol.mask_seen is True in ")


def test_only_what_all_have_is_compared(tiny, judged, lists):
    """There is no NDCG@10 of the other run."""
    other = train(tiny("recipe=markov", "ks=[5]", "monitor=val/ndcg@5"))
    _, out, _ = judged(lists, "--against", str(other))
    assert " on ndcg@5" in out and "| ndcg@10 " not in out.split("\n\n", 2)[2]


def test_another_name_renames_and_another_content_is_another_result(judged, lists, tmp_path):
    first, out, _ = judged(lists)
    renamed, again, err = judged(lists, "--name", "mine")
    assert (first["label"], renamed["label"]) == ("theirs", "mine")
    assert out.split()[-1] == again.split()[-1] and "already judged" in err
    assert first["metrics"] == renamed["metrics"]
    others = {judged(lists, *w)[1].split()[-1] for w in ([], ["mask_seen=false"], ["seed=2"])}
    others.add(judged(lists.with_columns(score=-pl.col("score")))[1].split()[-1])
    assert len(others) == 4


def test_rankings_of_one_name_are_told_apart_by_their_seeds(judged, lists, tmp_path, capsys):
    """Three runs of one method are one row; two files of one seed are two, and others' names need no digest."""

    def rows() -> list[list[str]]:
        capsys.readouterr()
        main(["table", str(tmp_path / "default"), "--metrics", "recall@5"])
        return [line.split(" | ")[:2] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]

    for seed in (1, 2, 3):
        shuffled = lists.with_columns(score=pl.col("score").shuffle(seed=seed))
        judged(shuffled, "--name", "mine", f"seed={seed}")
    assert [[name.strip("| "), n.strip()] for name, n in rows()] == [["mine", "3"]]
    run = judged(lists, "--name", "theirs")[1].split()[-1]
    words = ["compare", str(tmp_path / "default"), "--metric", "ndcg@10", "--format", "csv"]
    main(words)
    assert capsys.readouterr().out.splitlines()[1].split(",")[1:3] in (["mine", "theirs"], ["theirs", "mine"])
    judged(lists, "--name", "mine", "seed=1", f"study={Path(run).parent.name}")
    assert sorted(n.strip() for _, n in rows()) == ["1", "1", "2"]


def test_users_without_a_list_are_misses(judged, lists):
    users = lists["user"].unique(maintain_order=True)
    perfect, _, _ = judged(lists)
    half, _, err = judged(lists.filter(pl.col("user").is_in(users[:20].implode())))
    told = half["warnings"]["no ranking"]
    assert told == f"40 tested users without a ranking count as misses: {', '.join(map(str, users[20:23]))}, ..."
    assert told in err
    assert half["metrics"]["test/recall@10"] <= perfect["metrics"]["test/recall@10"]
    assert half["rankings"]["rows_without_ranking"] == 40


def test_a_perfect_list_is_perfect_whatever_stands_behind(judged, asked):
    rows = [(u, t, 1) for u, t, _ in asked.iter_rows()] + [(u, (t + j) % 64, 1 + j) for u, t, _ in asked.iter_rows()
            for j in range(1, 30)]  # fmt: skip
    result, _, _ = judged(pl.DataFrame(rows, schema=["user", "item", "rank"], orient="row"))
    for name in ("recall@5", "ndcg@10", "mrr@10", "map@5"):
        assert result["metrics"][f"test/{name}"] == 1.0
    assert result["metrics"]["test/precision@5"] == pytest.approx(0.2)
    assert "of rows' own pasts taken out" in result["warnings"]["seen listed"]


def test_the_past_is_taken_out_unless_the_protocol_keeps_it(judged, asked):
    past_first = [(u, i, place) for u, t, past in asked.iter_rows()
                  for place, i in enumerate([*dict.fromkeys(j for j in past if j != t), t])]  # fmt: skip
    table = pl.DataFrame(past_first, schema=["user", "item", "rank"], orient="row")
    masked, _, _ = judged(table, "ks=[1]", "--columns", "rank=rank")
    kept, _, _ = judged(table, "ks=[1]", "mask_seen=false")
    assert (masked["metrics"]["test/recall@1"], kept["metrics"]["test/recall@1"]) == (1.0, 0.0)
    assert masked["rankings"]["listed_seen"] == len(table) - len(asked)
    assert "seen listed" not in kept["warnings"]
    assert "mask_seen=zero changes scores" in judged(table, "mask_seen=zero", code=2)
    assert "candidates=full" in judged(table, "candidates=sampled", "candidates.n=20", code=2)


def test_ties_nan_and_short_lists_are_told(judged, lists):
    flat, _, err = judged(lists.with_columns(score=pl.lit(0.5)))
    assert flat["metrics"]["test/recall@10"] == 0.0, "of twelve that tie a target is the last"
    assert "lists with ties: 60; targets behind what ties with them: " in err
    assert flat["rankings"]["rows_with_ties"] == 60
    assert "60 of 60 ranked lists have no order" in flat["warnings"]["no order"]
    nan, _, _ = judged(lists.with_columns(score=pl.lit(float("nan"))))
    assert nan["metrics"]["test/recall@10"] == 0.0 and nan["warnings"]["nan"].startswith("720 scores NaN")
    short, _, _ = judged(lists.filter((pl.col("user") > 0) | (pl.col("score") > -3)))
    assert short["warnings"]["short lists"].startswith("1 list shorter than K=10, the shortest of 3")
    five, _, _ = judged(lists.filter(pl.col("score") > -5))
    assert five["warnings"]["K left out"] == "K=10 left out: the longest list has 5 candidates"
    assert "test/recall@5" in five["metrics"] and "test/recall@10" not in five["metrics"]
    assert "say ks=[2]" in judged(lists.filter(pl.col("score") > -2), code=2)


def test_one_list_for_everybody_is_told(judged, asked):
    table = asked.select("user").join(pl.DataFrame({"item": [3, 5, 8, 13, 21], "rank": [1, 2, 3, 4, 5]}), how="cross")
    result, _, _ = judged(table, "ks=[2]")
    assert "ignores the user" in result["warnings"]


@pytest.mark.parametrize(
    ("row", "told"),
    {
        "an item twice": ((0, None, -50.0), "line 722, column 2 (item): user 0 has item {item} already, in"),
        "an unknown item": (
            (0, 999, -50.0),
            "line 722, column 2 (item): synthetic has no item 999 (its ids look like 0, 1, 2)",
        ),
        "an unknown user": ((999, 0, -50.0), "line 722, column 1 (user): synthetic has no user 999"),
    }.values(),
)
def test_rows_that_do_not_belong_are_refused_by_line(judged, lists, row, told):
    item = lists["item"][0] if row[1] is None else row[1]
    odd = pl.concat([lists, pl.DataFrame([(row[0], item, row[2])], schema=lists.schema, orient="row")])
    assert told.format(item=item) in (said := judged(odd, code=2))
    assert len(said.splitlines()) <= 2
    if row[1] is not None:
        usual, _, _ = judged(lists)
        left, _, _ = judged(odd, "--unknown", "drop")
        assert left["metrics"] == usual["metrics"]
        assert any(name.startswith("unknown") for name in left["warnings"])


def test_a_score_may_not_contradict_its_rank(judged, lists):
    both = lists.with_columns(rank=-pl.col("score"))
    fine, _, _ = judged(both)
    assert fine["rankings"]["order"] == "rank and score"
    wrong = both.with_columns(rank=pl.when(pl.col("score") == -3).then(7).otherwise(pl.col("rank")))
    said = judged(wrong, code=2)
    assert "has a higher score at rank 7 than before it" in said and "--columns rank=rank" in said
    judged(wrong, "--columns", "score=score")


def test_ids_of_something_else_are_refused_with_both(judged, lists):
    text = lists.with_columns(pl.format("u{}", "user").alias("user"))
    said = judged(text, code=2)
    assert "none of its users is one of synthetic" in said
    assert "look like 0, 1, 2; here they look like 'u0'" in said
    spaced = judged(lists.with_columns(pl.format(" {}", "user").alias("user")), code=2)
    first, second = lists["user"].unique(maintain_order=True)[:2]
    assert f"here they look like ' {first}', ' {second}'" in spaced, "each is shown once, with its spaces"
    assert f"and has '{first}', which is the same but for spaces or zeros" in spaced
    assert judged(lists.with_columns(pl.col("user").cast(pl.String)))[0]["metrics"] == judged(lists)[0]["metrics"]


def test_nobody_who_is_tested(judged, asked):
    table = pl.DataFrame({"user": [0], "item": [1], "score": [0.5]})
    said = judged(table, "split=strong_generalisation", "split.test=1", "split.seed=1", code=2)
    assert "ranks nobody whom this split tests" in said


def test_users_whom_no_model_knows_are_found(tiny, judged):
    run = train(tiny("recipe=markov", "rankings=20", "split=strong_generalisation"))
    result, _, _ = judged(run / "rankings.parquet", "split=strong_generalisation")
    assert result["metrics"]["test/ndcg@10"] == pytest.approx(read(run)["metrics"]["test/ndcg@10"], abs=1e-9)


def test_cold_targets_may_be_dropped(tiny, judged):
    words = ["dataset.items=400", "cold_targets=drop"]
    run = train(tiny("recipe=markov", "rankings=20", *words))
    result, _, _ = judged(run / "rankings.parquet", *words)
    assert 0 < result["protocol"]["n_test_rows_dropped"] < 60
    assert "no ranking" not in result["warnings"]
    assert result["metrics"]["test/ndcg@10"] == pytest.approx(read(run)["metrics"]["test/ndcg@10"], abs=1e-9)


def test_rankings_of_others_than_the_tested_are_not_read(judged, lists):
    result, _, err = judged(lists, "split=strong_generalisation")
    assert result["rankings"]["users_not_tested"] == 54
    assert "users whom the split does not test, and whose rankings are not read: 54" in err
    assert "no ranking" not in result["warnings"]


@pytest.mark.parametrize(
    ("file", "label"), [("a/b.csv", "b"), ("b.tsv.gz", "b"), ("b.1.parquet", "b.1"), ("folder/", "folder")]
)
def test_rankings_are_called_by_their_file(file, label):
    assert Asked(file).label == label
    assert Asked(file, name="mine").label == "mine"


@pytest.mark.parametrize(
    ("words", "told"),
    {
        "no dataset": ([], "name it, for example --dataset amazon-beauty"),
        "a model": (["--dataset", "synthetic", "model=ease"], "so model has no meaning here"),
        "a recipe": (["--dataset", "synthetic", "recipe=ease"], "so recipe has no meaning here"),
        "an order of training": (["--dataset", "synthetic", "reversed=true"], "so reversed has no meaning here"),
        "a word": (["--dataset", "synthetic", "now"], "does not know now"),
        "a flag": (["--dataset", "synthetic", "--fast"], "does not know --fast"),
        "an unknown key": (["--dataset", "synthetic", "mask_sen=false"], "did you mean mask_seen?"),
        "an unknown split": (["--dataset", "synthetic", "--split", "leave_two_out"], "conf/split has no leave_two_out"),
        "a role": (["--dataset", "synthetic", "--columns", "when=time"], "there is no key when"),
    }.values(),
)
def test_a_command_that_is_not_whole_is_refused(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    Path("r.csv").write_text("user,item,rank\n0,1,1\n")
    with pytest.raises(SystemExit) as left:
        main(["evaluate", "--rankings", "r.csv", *words])
    assert left.value.code == 2
    assert told in capsys.readouterr().err


def test_columns_and_overrides_may_stand_in_any_order(judged, lists):
    renamed = lists.rename({"user": "u", "item": "i", "score": "s"})
    result, _, _ = judged(renamed, "--columns", "user=u", "item=i", "score=s", "mask_seen=false")
    assert json.dumps(result["config"]["mask_seen"]) == "false"
    assert result["config"]["model"]["columns"] == {"user": "u", "item": "i", "score": "s"}
