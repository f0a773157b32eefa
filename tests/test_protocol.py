"""Presets fill settings that can each be said; every result stores them; a user's word wins over all."""

import json
from pathlib import Path

import polars as pl
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from ssrec import confs, protocol, runs
from ssrec.cli import main
from ssrec.errors import CompositionError, DataError
from ssrec.train import checked, plain, stages, train

LOO = "ssrec.data.split.LeaveOneOut"
# mask_seen, cold_targets, data.rows, monitor and split of each preset.
RULES = {
    "strict": (True, "miss", "auto", "val/ndcg@10", LOO),
    "s3rec": ("zero", "miss", "window", "val/ndcg@20", LOO),
    "duorec": (False, "miss", "prefix", "val/mrr@10", LOO),
    "recbole": (False, "miss", "prefix", "val/mrr@10", LOO),
    "rectools": (True, "drop", "window", "val/recall@10", LOO),
    "lightgcn": (True, "miss", "auto", "val/recall@20", "ssrec.data.splits.given.Given"),
}
KEYS = ("cold_targets", "data.rows", "monitor")
SAMPLED = ["candidates=sampled", "candidates.n=10"]


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(confs.folder()), version_base="1.3"):
        return compose("train", overrides=list(overrides))


def rules(config: DictConfig) -> tuple:
    return config.mask_seen, config.cold_targets, config.data.rows, config.monitor, config.split._target_


def digest(config: DictConfig) -> str:
    (stage,) = stages(config)
    return runs.fingerprint(plain(stage), "data", None)


def per_user(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "per_user.parquet")


# ---- presets


def test_every_preset_is_listed():
    assert RULES.keys() == {file.stem for file in (confs.folder() / "protocol").glob("*.yaml")}


@pytest.mark.parametrize("name", RULES)
def test_a_preset_fills_settings_and_nothing_else(name):
    config = composed(f"protocol={name}", "dataset=mind-small")
    assert rules(config) == RULES[name]
    assert config.candidates == {} and config.select == "best" and config.clean.ties == "file"
    said = [f"mask_seen={RULES[name][0]}", *(f"{k}={v}" for k, v in zip(KEYS, RULES[name][1:4], strict=True))]
    split = "given" if name == "lightgcn" else "leave_one_out"
    assert composed("dataset=mind-small", f"split={split}", *said) == config, "one by one it is the same"


def test_strict_is_what_train_yaml_says():
    config = composed()
    assert composed("protocol=strict") == config
    train_yaml = confs.read(confs.folder() / "train.yaml")
    for key, value in confs.read(confs.folder() / "protocol/strict.yaml").items():
        if key != "defaults":
            said = value if isinstance(value, dict) else {None: value}
            for inner, setting in said.items():
                assert (train_yaml[key] if inner is None else train_yaml[key][inner]) == setting


@pytest.mark.parametrize("name", [n for n in RULES if n != "lightgcn"])
def test_every_preset_runs_and_its_result_stores_it(name, tiny):
    folder = train(tiny(f"protocol={name}", "debug=fast", "ks=[5,10,20]"))
    told = runs.read(folder)["protocol"]
    mask, cold, rows, monitor, _ = RULES[name]
    assert (told["mask_seen"], told["cold_targets"], told["monitor"]) == (mask, cold, monitor)
    assert told["rows"] == ("window" if rows == "auto" else rows)
    assert told["candidates"] == "full catalogue"
    assert (told["split"], told["history"]) == ("leave_one_out", "growing")
    assert (told["ties"], told["order_of_ties"], told["select"]) == ("last", "file", "best")


def test_the_graph_preset_runs_on_files_of_its_kind(tmp_path):
    files = tmp_path / "graph"
    files.mkdir()
    for name, part in (("train", range(12)), ("test", range(12, 16))):
        lines = [" ".join(map(str, [u, *((u * 5 + 7 * n) % 64 for n in part)])) for u in range(60)]
        (files / f"{name}.txt").write_text("\n".join(lines) + "\n")
    asked = ["recipe=lightgcn", "model.dim=8", "dataset=lightgcn-files", f"dataset.root={files}", "ks=[5,20]"]
    folder = train(composed(f"outputs={tmp_path}", "protocol=lightgcn", "debug=fast", "metric=[recall]", *asked))
    told = runs.read(folder)["protocol"]
    assert (told["split"], told["rows"], told["monitor"]) == ("given", "edge", "val/recall@20")
    assert told["n_test_targets"] == 240 and told["n_val"] == 60


def test_what_a_user_or_a_recipe_says_wins_over_a_preset():
    said = ["mask_seen=true", "data.rows=window", "split=ratio", *SAMPLED, "clean.ties=shuffled"]
    config = composed("protocol=duorec", *said)
    assert (config.mask_seen, config.data.rows) == (True, "window")
    assert config.split._target_.endswith("Ratio") and config.candidates.n == 10 and config.clean.ties == "shuffled"
    assert config.monitor == "val/mrr@10"
    recipe = composed("protocol=s3rec", "recipe=sasrec_ss")
    assert recipe.monitor == "val/recall@10", "which that recipe says"
    assert recipe.mask_seen == "zero", "of which it says nothing"


def test_the_audit_reads_a_preset_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["audit", "protocol=s3rec", "dataset.users=40", "dataset.items=40"])
    assert "leave_one_out" in capsys.readouterr().out


# ---- fingerprints


def test_neutral_rules_leave_fingerprints_as_they_were(tiny):
    (stage,) = stages(tiny())
    content = plain(stage)
    usual = runs.fingerprint(content, "data", None)
    assert content.pop("cold_targets") == "miss" and content.pop("candidates") == {}
    assert runs.fingerprint(content, "data", None) == usual, "as before these settings were there"
    different = ["cold_targets=drop", "mask_seen=zero", "candidates=existing"]
    found = {usual, *(digest(tiny(o)) for o in different), digest(tiny(*SAMPLED))}
    found |= {digest(tiny(*SAMPLED, o)) for o in ("candidates.seed=1", "candidates.by=popular")}
    assert len(found) == 1 + len(different) + 1 + 2
    assert digest(tiny(*SAMPLED, "candidates.seed=0")) == digest(tiny(*SAMPLED))


# ---- rules one by one


@pytest.mark.parametrize("by", ["uniform", "popular"])
def test_sampled_candidates_are_easier_and_say_so(by, tiny, capsys):
    floor = ["recipe=markov", "metric=[recall,ndcg]"]
    full, few = train(tiny(*floor)), train(tiny(*floor, *SAMPLED, f"candidates.by={by}"))
    told = capsys.readouterr().err
    assert told.count("compare them with the same draw only") == 1
    result = runs.read(few)
    assert result["protocol"]["candidates"] == f"10 {by} negatives (seed 0)"
    recall = result["metrics"]["test/recall@10"]
    assert 2 * runs.read(full)["metrics"]["test/recall@10"] < recall < 1, "ten of eleven candidates are listed"
    easier = pl.Series(per_user(few)["ndcg@10"] >= per_user(full)["ndcg@10"])
    assert easier.all()


def test_two_processes_rank_among_the_same_negatives(tiny):
    floor = ["recipe=markov", "metric=[ndcg,mrr]", *SAMPLED, "dataset.users=61"]
    one = train(tiny(*floor, "study=one"))
    two = train(tiny(*floor, "study=two", "hardware=ddp_cpu", "outputs=" + str(one.parent.parent / "two")))
    assert runs.read(two)["processes"] == 2
    assert per_user(two).equals(per_user(one))
    assert runs.read(two)["metrics"] == pytest.approx(runs.read(one)["metrics"], abs=1e-12)


def test_existing_items_are_fewer(tiny):
    floor = ["recipe=popularity", "metric=[ndcg]"]
    full, existing = per_user(train(tiny(*floor))), train(tiny(*floor, "candidates=existing"))
    assert runs.read(existing)["protocol"]["candidates"] == "items that existed"
    assert pl.Series(per_user(existing)["ndcg@10"] >= full["ndcg@10"]).all()


def cold_world(folder: Path) -> list[str]:
    """Forty users with five common items; user 0 is tested, user 1 validated by an item that nobody else has."""
    cold = {(0, 4): 100, (1, 3): 101}
    text = "".join(f"{u},{cold.get((u, n), (u + n) % 8)},{1000 * n + u}\n" for u in range(40) for n in range(5))
    (folder / "events.csv").write_text("user,item,time\n" + text)
    return ["dataset=table", f"dataset.interactions={folder / 'events.csv'}", f"outputs={folder}", "ks=[5]"]


def test_dropped_cold_targets_are_no_rows_and_are_counted(tmp_path):
    floor = [
        *cold_world(tmp_path),
        "recipe=popularity",
        "metric=[recall,ndcg]",
        "stratum=[cold,long]",
        "monitor=val/ndcg@5",
    ]
    floor += ["stratum.long.least=1"]
    miss, drop = (train(composed(*floor, f"cold_targets={c}")) for c in ("miss", "drop"))
    kept, left = per_user(miss), per_user(drop)
    assert kept["row"].to_list() == list(range(40))
    assert left.equals(kept.filter(pl.col("user") != "0")), "all others rank as they did, under their own number"
    told = runs.read(drop)["protocol"]
    assert (told["n_test"], told["n_cold_test_targets"], told["n_test_rows_dropped"]) == (40, 1, 1)
    assert (told["n_val_rows_dropped"], told["n_test_long"], told["n_test_cold"]) == (1, 39, 0)
    assert runs.read(miss)["protocol"]["n_test_cold"] == 1
    recall = {f: runs.read(f)["metrics"]["test/recall@5"] for f in (miss, drop)}
    assert recall[drop] == pytest.approx(recall[miss] * 40 / 39), "a cold target is a miss"


def test_a_frozen_history_lacks_the_validation_item(tiny):
    growing, frozen = (
        train(tiny("recipe=markov", "metric=[ndcg]", f"split.history={h}")) for h in ("growing", "frozen")
    )
    assert [runs.read(f)["protocol"]["history"] for f in (growing, frozen)] == ["growing", "frozen"]
    assert runs.read(growing)["metrics"]["val/ndcg@10"] == runs.read(frozen)["metrics"]["val/ndcg@10"]
    assert runs.read(growing)["metrics"]["test/ndcg@10"] != runs.read(frozen)["metrics"]["test/ndcg@10"]


REFUSED = {
    "candidates of no kind": (["candidates=some"], "conf/candidates has no some"),
    "a preset of nobody": (["protocol=s3"], "conf/protocol has no s3"),
    "sampled without n": (["candidates=sampled"], "candidates.n has no default; name candidates.n=<value>"),
    "more than there are": (["candidates=sampled", "candidates.n=64"], "items left that it has not met"),
    "lists that hold every candidate": (["candidates=sampled", "candidates.n=9"], "lower it to 9 or less"),
    "negatives by nothing": ([*SAMPLED, "candidates.by=rank"], "candidates.by is 'rank'"),
    "another argument": ([*SAMPLED, "candidates.sed=1"], "did you mean candidates.seed?"),
    "no times": (["candidates=existing", "dataset=amazon-beauty"], "candidates needs times"),
    "no such column": (["candidates=existing", "candidates.available_from=born"], "candidates needs born"),
    "cold targets otherwise": (["cold_targets=keep"], "cold_targets is keep; it takes miss or drop"),
    "a mask of another kind": (["mask_seen=none"], "mask_seen is none; it takes true, false or zero"),
    "a number for a mask": (["mask_seen=1"], "mask_seen is 1; it takes true, false or zero"),
    "rows that a preset's objective cannot read": (
        ["protocol=duorec", "model=lightgcn", "objective=[bpr]"],
        "data.rows=auto picks",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_words(case, capsys, tmp_path, monkeypatch):
    overrides, words = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    small = [] if any(o.startswith("dataset=") for o in overrides) else ["dataset.users=60", "dataset.items=64"]
    with pytest.raises(SystemExit) as stop:
        main(["train", *overrides, *small])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert len([line for line in said.splitlines() if "candidates=sampled: metrics" not in line]) <= 2


def test_a_rule_is_checked_before_data_are_read():
    with pytest.raises(CompositionError, match="candidates needs times"):
        checked(stages(composed("dataset=amazon-beauty", "candidates=existing"))[0], starts=False)


def test_cold_targets_only_are_refused(tmp_path):
    lines = "".join(f"{u},{10 * u + n},{n}\n" for u in range(5) for n in range(5))
    (tmp_path / "events.csv").write_text("user,item,time\n" + lines)
    world = ["dataset=table", f"dataset.interactions={tmp_path / 'events.csv'}", f"outputs={tmp_path}"]
    with pytest.raises(DataError, match="cold_targets=drop leaves no val row"):
        train(composed(*world, "recipe=popularity", "cold_targets=drop", "ks=[10]"))


# ---- words


def test_rules_of_older_results_are_those_that_were_the_only_ones():
    old = {"config": {}, "protocol": {"split": "leave_one_out", "history": "growing", "mask_seen": False}}
    assert protocol.words(old) == {
        "split": "leave_one_out",
        "history": "growing history",
        "candidates": "full catalogue",
        "seen": "seen not masked",
        "cold": "cold targets count as misses",
        "order": "ties in time: file",
    }


def test_words_tell_all_that_is_stored(tiny):
    said = ["mask_seen=zero", "cold_targets=drop", "split=ratio", "split.val=0.2", "split.history=frozen", *SAMPLED]
    told = protocol.words(
        runs.read(train(tiny(*said, "recipe=popularity", "clean.ties=shuffled", "clean.ties_seed=3")))
    )
    assert told["candidates"] == "10 uniform negatives (seed 0)"
    assert (told["split"], told["split.val"], told["split.by"]) == ("ratio", "val=0.2", "by=time")
    assert (told["seen"], told["cold"], told["history"]) == (
        "seen scored 0",
        "cold targets dropped",
        "frozen history",
    )
    assert told["order"] == "ties in time: shuffled (seed 3)"
    assert json.dumps(told)
