"""Gaps between groups and who belongs to them, against loops over rows."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rankings import asked, placed, ragged

from ssrec.batch import Attributes, Corpus
from ssrec.errors import CompositionError
from ssrec.metrics.accuracy import NDCG, Recall
from ssrec.metrics.coverage import Coverage
from ssrec.metrics.fairness import GroupGap
from ssrec.metrics.groups import HistoryGroups, TargetGroups, UserGroups
from ssrec.metrics.whole_ranking import MeanRank
from ssrec.ranking import Ranking, ranking

N = 12
# Users 1 to 4 are F, M, both, and neither; items 1 to 3 are of brands x, y, and of both.
GENDER = Attributes(ragged([[], [0], [1], [0, 1], []]), ("F", "M"))
BRAND = Attributes(ragged([[], [0], [1], [1, 0], *[[]] * (N - 3)]), ("x", "y"))
CORPUS = Corpus(
    torch.tensor([1]),
    torch.tensor([0, 0, 1, 1, 1, 1]),
    n_users=4,
    n_items=N,
    published={"user.gender": GENDER, "brand": BRAND},
)


def rows(*, pasts: list[list[int]], users: list[int], targets: list[list[int]]) -> Ranking:
    width = max(map(len, targets))
    target = torch.tensor([[*t, *[0] * (width - len(t))] for t in targets])
    return ranking(torch.zeros(len(targets), N + 1), asked(target, ragged(pasts), users), 3)


R = rows(
    pasts=[[], [4], [4, 5], [4, 5, 4], [4, 5, 6, 7]],
    users=[1, 2, 3, 4, 0],
    targets=[[1], [2], [3], [9], [1, 2]],
)


def members(groups, r: Ranking = R) -> list[list[int]]:
    return [row.nonzero().flatten().tolist() for row in groups(r)]


def test_who_belongs_to_which_group():
    assert members(HistoryGroups(CORPUS, bounds=[1, 3])) == [[0], [0], [1], [1], [2]]
    assert members(HistoryGroups(CORPUS, bounds=[0])) == [[0], [1], [1], [1], [1]]
    assert members(UserGroups(CORPUS, feature="user.gender")) == [[0], [1], [0, 1], [], []]
    assert members(TargetGroups(CORPUS, feature="brand")) == [[0], [1], [0, 1], [], [0, 1]]


def test_groups_that_cannot_be_are_refused():
    for bounds in ([], [-1, 2], [3, 3], [5, 2]):
        with pytest.raises(CompositionError, match="of history lengths rise from 0 or more"):
            HistoryGroups(CORPUS, bounds=bounds)
    with pytest.raises(CompositionError, match=r"user groups: brand is no column .* users; .*: user\.gender$"):
        UserGroups(CORPUS, feature="brand")
    with pytest.raises(CompositionError, match=r"target groups: user\.gender is no column .* items; .*: brand$"):
        TargetGroups(CORPUS, feature="user.gender")
    assert UserGroups.needs_named == TargetGroups.needs_named == ("feature",)
    with pytest.raises(CompositionError, match="least_rows=0"):
        GroupGap(CORPUS, metric=partial(NDCG, ks=[1]), groups=HistoryGroups, least_rows=0)


def test_only_means_over_rows_have_a_gap():
    with pytest.raises(CompositionError, match="between means over rows, and Coverage is none"):
        GroupGap(CORPUS, metric=partial(Coverage, ks=[1]), groups=HistoryGroups)  # pyright: ignore[reportArgumentType]


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, N), unique=True, max_size=3), st.integers(0, 5)), min_size=1, max_size=9
    ),
    st.integers(1, 3),
)
def test_gap_and_ratio_equal_a_loop(given_rows, least_rows):
    k, groups = 3, {0: [], 1: [], 2: []}
    for ranks, length in given_rows:
        if ranks:  # a row without targets does not count
            groups[(length > 1) + (length > 3)].append(sum(r <= k for r in ranks) / len(ranks))
    means = [sum(v) / len(v) for v in groups.values() if len(v) >= least_rows]
    expected = {}
    if len(means) >= 2:
        low, high = min(means), max(means)
        expected = {"recall_gap_history@3": high - low, "recall_ratio_history@3": low / high if high else 1.0}
    metric = GroupGap(
        CORPUS, metric=partial(Recall, ks=[k]), groups=partial(HistoryGroups, bounds=[1, 3]), least_rows=least_rows
    )
    for ranks, length in given_rows:  # a batch for each row: groups reach over batches
        metric.update(placed([ranks], N, ragged([[4] * length])))
    assert {name: v.item() for name, v in metric.compute().items()} == pytest.approx(expected, abs=1e-12)


def test_a_metric_without_a_k():
    metric = GroupGap(CORPUS, metric=MeanRank, groups=partial(UserGroups, feature="user.gender"))
    r = placed([[2], [6], [4]], N)
    metric.update(Ranking(**{**vars(r), "batch": asked(r.target, None, [1, 2, 3])}))
    assert metric.compute() == {"mean_rank_gap_gender": 2.0, "mean_rank_ratio_gender": pytest.approx(3 / 5)}
