"""Training on a share of the users: nested, the same test, and nothing fitted on the others."""

import json

import pytest
from histories import HISTORIES, canonical, parts_of
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.split import CONTEXT, TRAIN, LeaveOneOut
from ssrec.data.splits.train_users import TrainUsers, split_among
from ssrec.errors import CompositionError
from ssrec.train import train


def trained(parts):
    return {u for u, row in enumerate(parts) if TRAIN in row}


@given(
    histories=HISTORIES.filter(lambda rows: any(len(row) > 2 for row in rows)),
    shares=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
)
def test_a_smaller_share_is_part_of_a_larger_one(histories, shares):
    data = canonical(histories)
    whole = parts_of(LeaveOneOut(), data)
    small, large = (parts_of(TrainUsers(LeaveOneOut(), share), data) for share in sorted(shares))
    assert trained(small) <= trained(large) <= trained(whole)
    for share, found in zip(sorted(shares), (small, large), strict=True):
        n = len(trained(whole))
        assert n * share <= len(trained(found)) < n * share + 1 + 1e-9
        for before, after in zip(whole, found, strict=True):
            assert after == before or after == [CONTEXT if part == TRAIN else part for part in before]


def test_all_users_are_no_other_split():
    split = LeaveOneOut()
    assert split_among(split, 1.0) is split and split_among(split, 1) is split


def test_the_corpus_loses_users_and_the_test_none():
    data = canonical([[1, 2, 3, 4]] * 10 + [[5, 6, 7]])
    whole, half = LeaveOneOut()(data), TrainUsers(LeaveOneOut(), 0.5)(data)
    assert len(half.test) == len(whole.test) and half.test.target.values.equal(whole.test.target.values)
    assert half.test.past.values.equal(whole.test.past.values)
    assert half.facts["n_train"] + half.facts["n_context"] == whole.facts["n_train"]
    assert int((half.test.user > 0).sum()) == 6, "who was not trained on is unknown"
    assert half.facts["train_users"] == 0.5 and half.fingerprint != whole.fingerprint


def test_a_run_says_it_and_an_old_one_stays_what_it_was(tiny):
    whole, same, half = (train(tiny("recipe=markov", *more)) for more in ([], ["train_users=1"], ["train_users=0.5"]))
    assert whole == same != half
    result = json.loads((half / "result.json").read_text())
    assert result["protocol"]["train_users"] == 0.5 and result["protocol"]["n_context"] > 0


@pytest.mark.parametrize("share", ["0", "1.5", "half", "true"])
def test_no_share(tiny, share):
    with pytest.raises(CompositionError, match=r"train_users is .* takes a share above 0 and at most 1"):
        train(tiny("recipe=markov", f"train_users={share}"))


def test_no_share_in_code():
    with pytest.raises(CompositionError, match=r"train_users=0\.0"):
        TrainUsers(LeaveOneOut(), 0.0)
