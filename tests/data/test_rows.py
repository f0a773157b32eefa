"""Rows and plans against loops over users."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssrec.batch import PAD, Corpus, Ragged
from ssrec.data.rows import KINDS, held_batch, make_rows, plan
from ssrec.data.split import Held
from ssrec.errors import DataError


def corpus_of(lengths: list[int]) -> Corpus:
    offsets = torch.tensor([0, 0, *torch.tensor(lengths).cumsum(0).tolist()])
    total = sum(lengths)
    return Corpus(torch.arange(1, total + 1), offsets, n_users=len(lengths), n_items=total)


def histories(corpus: Corpus) -> dict[int, list[int]]:
    return {u: corpus.items[corpus.offsets[u] : corpus.offsets[u + 1]].tolist() for u in range(corpus.user_rows)}


lengths = st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(lambda v: max(v) > 1)


@settings(deadline=None, max_examples=60)
@given(lengths, st.integers(1, 5))
def test_a_window_row_asks_for_every_event_but_a_users_first_exactly_once(sizes, max_length):
    corpus = corpus_of(sizes)
    rows = make_rows(corpus, "window", max_length)
    batch = rows.batch(torch.arange(len(rows)))
    assert batch.items.shape[1] <= max_length
    asked = batch.labels[batch.items != PAD].tolist()
    assert sorted(asked) == sorted(i for h in histories(corpus).values() for i in h[1:])
    assert int(rows.targets.sum()) == len(asked)
    # Items are numbered by event here, so the label of a position is its item plus one.
    assert torch.equal(batch.labels[batch.items != PAD], batch.items[batch.items != PAD] + 1)


@settings(deadline=None, max_examples=60)
@given(lengths, st.integers(1, 5))
def test_prefix_rows_are_one_row_per_label_with_its_past(sizes, max_length):
    corpus = corpus_of(sizes)
    rows = make_rows(corpus, "prefix", max_length)
    batch = rows.batch(torch.arange(len(rows)))
    expected = [
        (u, h[max(0, i - max_length) : i], h[i]) for u, h in histories(corpus).items() for i in range(1, len(h))
    ]
    got = [
        (int(u), [i for i in past if i != PAD], int(t[0]))
        for u, past, t in zip(batch.user, batch.items.tolist(), batch.target, strict=True)
    ]
    assert got == expected


def test_edge_rows_are_the_events_and_history_rows_are_the_users():
    corpus = corpus_of([2, 0, 3])
    edges = make_rows(corpus, "edge", 50).batch(torch.arange(5))
    assert edges.user.tolist() == [1, 1, 3, 3, 3]
    assert edges.target[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert edges.items.shape == (5, 0)
    users = make_rows(corpus, "history", 50).batch(torch.tensor([1, 0]))
    assert users.user.tolist() == [3, 1]
    assert users.seen is not None
    assert users.seen.values.tolist() == [3, 4, 5, 1, 2]
    assert users.seen.lengths.tolist() == [3, 2]


@pytest.mark.parametrize("kind", ["window", "prefix"])
def test_a_corpus_without_labels_is_refused(kind):
    with pytest.raises(DataError, match="two events"):
        make_rows(corpus_of([1, 1]), kind, 5)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(2, 40), min_size=20, max_size=200),
    st.sampled_from(["length", "mixed"]),
    st.integers(1, 64),
    st.integers(0, 9),
)
def test_a_plan_holds_every_row_once_and_is_decided_by_its_generator(sizes, batching, size, seed):
    rows = make_rows(corpus_of(sizes), "window", 20)
    batches = plan(rows, batching, size, torch.Generator().manual_seed(seed))
    again = plan(rows, batching, size, torch.Generator().manual_seed(seed))
    assert sorted(torch.cat(batches).tolist()) == list(range(len(rows)))
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_of_users_draws_each_of_them_alike_and_each_of_her_rows_alike(kind):
    sizes = [2, 3, 1, 30] * 100  # unlike numbers of rows for a user, of some kinds none
    rows = make_rows(corpus_of(sizes), kind, 5)
    owner = torch.tensor([next(u for u, e in enumerate(rows.corpus.offsets[1:].tolist()) if s < e) for s in rows.start])
    drawn = [torch.cat(plan(rows, "mixed", 64, torch.Generator().manual_seed(i), "users")) for i in range(200)]
    assert all(len(d) == len(rows) for d in drawn)
    counts = torch.cat(drawn).bincount(minlength=len(rows)).double()
    by_user = torch.zeros(rows.corpus.user_rows).double().index_add_(0, owner, counts)
    some = owner.unique()
    expected = 200 * len(rows) / len(some)
    assert (by_user[some] - expected).abs().max() < 6 * expected**0.5
    share = expected / owner.bincount()[owner]
    assert ((counts - share).abs() < 6 * share**0.5 + 1).all()


def test_length_batches_make_as_many_steps_as_mixed_ones_and_pad_less():
    sizes = (torch.rand(3000, generator=torch.Generator().manual_seed(0)) ** 3 * 48 + 2).int().tolist()
    rows = make_rows(corpus_of(sizes), "window", 50)
    by_length, mixed = (plan(rows, b, 256, torch.Generator().manual_seed(0)) for b in ("length", "mixed"))
    assert abs(len(by_length) - len(mixed)) <= 1

    def padded(batches):
        return sum(rows.batch(b).items.numel() for b in batches)

    assert padded(by_length) < 0.75 * padded(mixed)


def test_times_travel_with_items():
    corpus = corpus_of([4])
    corpus = Corpus(corpus.items, corpus.offsets, 1, 4, times=corpus.items * 10)
    batch = make_rows(corpus, "window", 2).batch(torch.arange(2))
    assert batch.times is not None
    assert torch.equal(batch.times, batch.items * 10)


def held_of(rows: list[tuple[int, list[int], list[int]]]) -> Held:
    def ragged(lists: list[list[int]]) -> Ragged:
        offsets = torch.tensor([0, *map(len, lists)]).cumsum(0)
        return Ragged(torch.tensor([v for row in lists for v in row], dtype=torch.long), offsets)

    past, target = ragged([p for _, p, _ in rows]), ragged([t for _, _, t in rows])
    return Held(torch.tensor([u for u, _, _ in rows]), past, target, times=past.values * 10)


pasts = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.integers(1, 9), max_size=6), st.lists(st.integers(1, 9), max_size=4)),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(pasts, st.integers(1, 5), st.data())
def test_held_rows_of_any_number_of_targets_and_with_no_past(held, max_length, data):
    rows = data.draw(st.lists(st.integers(0, len(held) - 1), max_size=6))
    batch = held_batch(held_of(held), torch.tensor(rows, dtype=torch.long), max_length)
    assert batch.user.tolist() == [held[r][0] for r in rows]
    assert batch.seen is not None and batch.times is not None
    for i, r in enumerate(rows):
        _, past, target = held[r]
        assert [v for v in batch.items[i].tolist() if v != PAD] == past[-max_length:]
        assert [v for v in batch.times[i].tolist() if v != PAD] == [10 * v for v in past[-max_length:]]
        assert [v for v in batch.target[i].tolist() if v != PAD] == target
        a, b = batch.seen.offsets[i : i + 2].tolist()
        assert batch.seen.values[a:b].tolist() == past


@settings(deadline=None, max_examples=60)
@given(lengths, st.sampled_from(KINDS), st.integers(1, 5))
def test_a_row_knows_its_user_behind_users_without_events(sizes, kind, max_length):
    corpus = corpus_of(sizes)
    batch = (rows := make_rows(corpus, kind, max_length)).batch(torch.arange(len(rows)))
    owner = {i: u for u, h in histories(corpus).items() for i in h}
    for row, user in enumerate(batch.user.tolist()):
        items = batch.items[row].tolist() + batch.target[row].tolist()
        if kind == "history":
            assert batch.seen is not None
            items += batch.seen.values[batch.seen.offsets[row] : batch.seen.offsets[row + 1]].tolist()
        mine = {owner[i] for i in items if i != PAD}
        assert mine == {user}


def test_rows_of_a_mapped_corpus_are_those_of_one_in_memory(tmp_path):
    corpus = corpus_of([3, 0, 7, 1, 5])
    mapped = {}
    for name in ("items", "offsets"):
        np.save(tmp_path / name, getattr(corpus, name).numpy())
        mapped[name] = torch.from_numpy(np.load(tmp_path / f"{name}.npy", mmap_mode="c"))
    other = Corpus(**mapped, n_users=corpus.n_users, n_items=corpus.n_items)
    for kind in KINDS:
        a, b = (make_rows(c, kind, 3) for c in (corpus, other))
        x, y = (r.batch(torch.arange(len(r))) for r in (a, b))
        assert torch.equal(x.items, y.items) and torch.equal(x.target, y.target) and torch.equal(x.user, y.user)
