"""What counts as a run of its own."""

from ssrec.distinct import distinct


def run(seed=1, fingerprint="f", metrics=("test/a",), finished="2020", label="sasrec", init=None, **config):
    return {
        "fingerprint": fingerprint,
        "label": label,
        "seed": seed,
        "config": {"seed": seed, **config},
        "init": init,
        "metrics": dict.fromkeys(metrics, 0.1),
        "dataset": {"name": "world", "fingerprint": "d"},
        "protocol": {"split": "leave_one_out", "history": "growing", "mask_seen": True},
        "targets_seen_with_pretraining": 9,
        "finished": finished,
    }


def kept(*found):
    return [(result["fingerprint"], again) for result, again in distinct(found)]


def test_a_run_in_two_places_is_one():
    assert kept(run(), run(2, "g"), run()) == [("g", 0), ("f", 1)]


def test_what_observes_more_or_newer_code_makes_no_other_seed():
    assert kept(run(), run(fingerprint="g", metrics=("test/a", "test/b"), ks=[5]), run(fingerprint="h")) == [("g", 2)]
    assert kept(run(fingerprint="new", finished="2021"), run()) == [("new", 1)]


def test_other_seeds_settings_rules_and_data_are_other_runs():
    ruled = run(fingerprint="4")
    ruled["protocol"] = {**ruled["protocol"], "mask_seen": False}
    elsewhere = run(fingerprint="5")
    elsewhere["dataset"] = {"name": "moon", "fingerprint": "e"}
    found = [run(fingerprint="0"), run(2, "1"), run(fingerprint="2", dim=8), run(fingerprint="3", label="gru")]
    assert kept(*found, ruled, elsewhere) == [(str(i), 0) for i in range(6)]


def test_the_seed_of_a_start_counts_too():
    assert kept(*(run(fingerprint=f"{s}", init=run(s)) for s in (1, 2))) == [("1", 0), ("2", 0)]


def test_older_results_do_not_say_when_they_were_made():
    old = run(fingerprint="old")
    del old["finished"]
    assert kept(run(), old) == [("f", 1)]
