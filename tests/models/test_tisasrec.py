"""TiSASRec against the loop that holds a vector for every pair of events."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sequences import IDS, TIMES, drawn, past

from ssrec.errors import CompositionError
from ssrec.models.tisasrec import TiSASRec, intervals


def naive_interval(times, t, s, most):
    gaps = [b - a for a, b in pairwise(times[: t + 1]) if b > a]
    return min(most, abs(times[t] - times[s]) // min(gaps)) if gaps else 0


def naive(model, items, times):
    n, heads = len(items), model.blocks[0].attention.heads
    x = torch.stack([model.table(torch.tensor(i)) for i in items]) * 8**0.5
    place_k, place_v = model.positions.weight[:n].flip(0).chunk(2, dim=1)
    span_k, span_v = model.spans.weight.chunk(2, dim=1)
    for block in model.blocks:
        query = block.attention_norm(x)
        qkv = zip(block.attention.qkv.weight.chunk(3), block.attention.qkv.bias.chunk(3), strict=True)
        q, k, v = (y @ w.T + b for y, (w, b) in zip((query, x, x), qkv, strict=True))
        rows = []
        for t in range(n):
            index = [naive_interval(times, t, s, model.intervals) for s in range(t + 1)]
            keys = torch.stack([k[s] + place_k[s] + span_k[r] for s, r in enumerate(index)])
            values = torch.stack([v[s] + place_v[s] + span_v[r] for s, r in enumerate(index)])
            parts = zip(q[t].chunk(heads), keys.chunk(heads, dim=1), values.chunk(heads, dim=1), strict=True)
            rows.append(torch.cat([(b @ a / len(a) ** 0.5).softmax(0) @ c for a, b, c in parts]))
        y = block.feed_norm(query + torch.stack(rows))
        x = y + block.narrow(F.relu(block.widen(y)))
    return model.leave(x)


@pytest.mark.parametrize("most", [3, 40])
def test_hidden_states_are_those_of_a_loop_behind_any_padding(corpus, most):
    model = drawn(TiSASRec, corpus, heads=2, intervals=most)
    hidden = model.encode(IDS, True, TIMES)
    wider = model.encode(F.pad(IDS, (2, 0)), True, F.pad(TIMES, (2, 0)))
    for row in (0, 1, 2):
        items = past(row)
        expected = naive(model, items, TIMES[row, -len(items) :].tolist())
        torch.testing.assert_close(hidden[row, -len(items) :], expected)
        torch.testing.assert_close(wider[row, -len(items) :], expected)
    assert not hidden[IDS == 0].any()


@given(gaps=st.lists(st.integers(0, 30), max_size=6), pads=st.integers(0, 3), most=st.integers(1, 9))
def test_intervals_are_those_of_a_loop(gaps, pads, most):
    times = [1000]
    for gap in gaps:
        times.append(times[-1] + gap)
    real = torch.tensor([[False] * pads + [True] * len(times)])
    index = intervals(torch.tensor([[0] * pads + times]), real, most)[0, pads:, pads:]
    for t in range(len(times)):
        for s in range(t + 1):
            assert int(index[t, s]) == naive_interval(times, t, s, most)


def test_a_position_reads_no_later_time_and_one_that_it_reads_matters(corpus):
    model = drawn(TiSASRec, corpus)
    later = TIMES.clone()
    later[:, -1] += 1  # the shortest gap of the second row changes with none of these
    before, after = model.encode(IDS, True, TIMES), model.encode(IDS, True, later)
    assert torch.equal(before[:, :-1], after[:, :-1])
    later[:2, 2] = torch.tensor([99, 899])
    assert not torch.isclose(before[:2, -1], model.encode(IDS, True, later)[:2, -1]).all(-1).any()


def test_a_batch_without_times_is_refused_and_a_view_takes_its_events_as_simultaneous(corpus, make_batch):
    model = drawn(TiSASRec, corpus)
    with pytest.raises(CompositionError, match="TiSASRec reads the times of events, and this batch has none"):
        model(make_batch([[3, 5, 1]]))
    torch.testing.assert_close(model.encode(IDS, True), model.encode(IDS, True, torch.full_like(IDS, 5)))
    with pytest.raises(CompositionError, match="TiSASRec has no pass with causal=false"):
        model.encode(IDS, False, TIMES)
    assert model(make_batch([[], []])).scores().isfinite().all()


def test_gradients_reach_all_parameters_through_dropout(corpus):
    model = drawn(TiSASRec, corpus, intervals=9, dropout=0.2).train()
    (model.encode(IDS, True, TIMES) * torch.randn(4, 5, 8)).sum().backward()
    assert all(p.grad is not None and p.grad.any() and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": 3}, "tisasrec: dim=8 must be a multiple of heads=3"),
        ({"intervals": 0}, "tisasrec: intervals=0 must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(corpus, settings, message):
    with pytest.raises(CompositionError, match=message):
        drawn(TiSASRec, corpus, **settings)
