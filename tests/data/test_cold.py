"""Cold targets left out, against a loop, and what is evaluated then."""

import pytest
import torch
from histories import HISTORIES, Fixed, canonical, listed
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.cold import drop_cold
from ssrec.data.module import DataModule
from ssrec.data.split import TEST, TRAIN, VAL, Splits, cut
from ssrec.errors import DataError

# Of the targets of users 1 and 3 only one is trained, of user 2 none; user 1 asks for a trained one in validation.
HISTORIES_HERE = [[1, 2, 1, 7, 2], [2, 1, 2, 8], [1, 2, 1, 2]]
PARTS = ((TRAIN, TRAIN, VAL, TEST, TEST), (TRAIN, TRAIN, VAL, TEST), (TRAIN, TRAIN, TRAIN, TEST))


def splits_of(histories, parts) -> Splits:
    return cut(Fixed(parts), canonical(histories))


@given(histories=HISTORIES.filter(lambda hs: max(map(len, hs)) >= 4), data=st.data())
def test_against_a_loop(histories, data):
    kinds = st.sampled_from([TRAIN, VAL, TEST])
    parts = [data.draw(st.lists(kinds, min_size=len(h), max_size=len(h))) for h in histories]
    longest = max(range(len(histories)), key=lambda u: len(histories[u]))
    parts[longest][:3] = TRAIN, VAL, TEST
    splits = splits_of(histories, tuple(map(tuple, parts)))
    trained = {i for h, ps in zip(histories, parts, strict=True) for i, p in zip(h, ps, strict=True) if p == TRAIN}
    wanted = {
        part: [(user, past, [i for i in target if i in trained]) for user, past, target in listed(splits.held(part))]
        for part in ("val", "test")
    }
    if not all(any(target for *_, target in held) for held in wanted.values()):
        with pytest.raises(DataError, match="cold_targets=drop leaves no"):
            drop_cold(splits)
        return
    dropped = drop_cold(splits)
    for part in ("val", "test"):
        assert listed(dropped.held(part)) == wanted[part], "rows keep their numbers and their past"
        left_out = [not target for *_, target in wanted[part]]
        assert dropped.held(part).asked.tolist() == [not out for out in left_out]
        assert dropped.facts[f"n_{part}_rows_dropped"] == sum(left_out)
    assert {k: dropped.facts[k] for k in splits.facts} == splits.facts
    assert dropped.corpus is splits.corpus


def test_rows_without_a_target_are_not_evaluated():
    splits = drop_cold(splits_of(HISTORIES_HERE, PARTS))
    data = DataModule(splits, rows="window", max_length=5, batching="mixed", batch_size=2, seed=0)
    (batch,) = data.test_dataloader()
    assert batch.rows.tolist() == [0, 2]
    assert batch.target.tolist() == [[2], [2]]
    assert sum(len(b) for b in data.val_dataloader()) == 2
    assert splits.facts["n_test_rows_dropped"] == 1 and splits.facts["n_val_rows_dropped"] == 0
    assert torch.equal(splits.test.user, torch.tensor([1, 2, 3]))


def test_a_part_of_cold_targets_only_is_refused():
    with pytest.raises(DataError, match=r"leaves no test row: .* say cold_targets=miss"):
        drop_cold(splits_of([[1, 2, 1, 9]], ((TRAIN, TRAIN, VAL, TEST),)))
