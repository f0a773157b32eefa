"""Two stages: histories read backwards, then items generated before short ones."""

import pytest

from ssrec import runs
from ssrec.errors import CompositionError
from ssrec.train import plain, ready, stages, train

BACK = ["objective@pretrain.objective=[next_item]", "+pretrain.reversed=true", "prior.n=3", "prior.shorter_than=12"]


def test_the_second_stage_reads_what_the_first_one_generates(tiny):
    result = runs.read(train(tiny(*BACK)))
    without = runs.read(train(tiny(*BACK[:2])))
    assert result["init"]["fingerprint"] == without["init"]["fingerprint"] and result["init"]["config"]["reversed"]
    assert not result["config"]["reversed"] and result["init"]["config"]["prior"]["n"] == 0
    assert result["targets_seen"] > without["targets_seen"], "no row is longer"
    assert result["metrics"] != without["metrics"] and result["protocol"] == without["protocol"]
    assert result["dataset"] == without["dataset"]


def test_a_reversed_run_learns_another_order(tiny):
    last = ["select=last", "trainer.patience=null"]
    back, forth = (runs.read(train(tiny(*last, f"reversed={r}"))) for r in ("true", "false"))
    assert back["targets_seen"] == forth["targets_seen"] and back["metrics"] != forth["metrics"]
    assert back["fingerprint"] != forth["fingerprint"]


def test_a_start_of_ones_own_must_have_read_backwards(tiny):
    last = ["select=last", "trainer.patience=null"]
    back, forth = (train(tiny(*last, f"reversed={r}")) for r in ("true", "false"))
    assert runs.finished(train(tiny("prior.n=2", f"init={back}")))
    with pytest.raises(CompositionError, match=r"prior\.n=2: it starts from a run that read histories backwards"):
        train(tiny("prior.n=2", f"init={forth}"))


REFUSED = {
    "no start": (["prior.n=2"], r"prior\.n=2: it starts from a run that read histories backwards"),
    "forward": (["prior.n=2", BACK[0]], r"prior\.n=2: it starts from .* say \+pretrain\.reversed=true"),
    "itself": ([*BACK, "reversed=true", "select=last", "trainer.patience=null"], r"prior\.n=3: it starts from"),
    "afresh": ([*BACK, "new=[table.*]"], r"prior\.n=3: new=\['table\.\*'\]"),
    "events": (["prior.n=2", "init=x", "model=lightgcn", "objective=[bpr]"], r"data\.rows=edge would count them"),
    "numbers": ([*BACK, "objective=[next_k_items]", "data.rows=prefix"], "objective next_k_items reads the training"),
    "selects": (["reversed=true"], r"reversed=true: val/ asks .* select=last trainer\.patience=null"),
    "stops": (["reversed=true", "select=last"], "reversed=true: val/ asks"),
    "fitted": (["reversed=true", "model=markov", "objective=[]"], "reversed=true: without an objective"),
    "no boolean": (["reversed=yes please"], "reversed is yes please"),
    "range": (["prior.n=-1"], r"prior\.n=-1 must not be negative"),
    "nothing": (["prior=null"], r"prior is None; it holds settings: say prior\.<key>"),
    "unsaid": (["~reversed"], "reversed is missing; leave ~reversed out"),
    "unknown": (["+prior.k=3"], r"prior\.k is not an argument"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_before_data_is_read(tiny, tmp_path, case):
    overrides, said = REFUSED[case]
    with pytest.raises(CompositionError, match=said):
        ready(tiny(*overrides))
    assert not list(tmp_path.iterdir())


def test_the_neutral_settings_are_no_content(tiny):
    """A run of an older version, whose config does not say them, has the same folder."""
    newer = [plain(*stages(tiny(*said))) for said in ([], ["prior.shorter_than=5"])]
    older = {k: v for k, v in newer[0].items() if k not in ("reversed", "prior")}
    assert len({runs.fingerprint(config, "data", None) for config in (*newer, older)}) == 1
