"""HSTU against a loop over positions and heads, with and without the time between events."""

import math

import pytest
import torch
import torch.nn.functional as F
from sequences import IDS, TIMES, drawn, past

from ssrec.errors import CompositionError
from ssrec.models.hstu import HSTU, buckets


def naive(model, items, times):
    n, d = len(items), 8
    x = torch.stack([model.table(torch.tensor(i)) for i in items]) * d**0.5 + model.positions.weight[:n]
    for block in model.blocks:
        y = F.layer_norm(x, (d,), eps=1e-6) @ block.uvqk.weight.T
        u, v, q, k = (y * torch.sigmoid(y)).chunk(4, dim=1)
        rows = []
        for t in range(n):
            parts = []
            for a, b, c in zip(*(z.chunk(block.heads, dim=1) for z in (q, k, v)), strict=True):
                mixed = torch.zeros(c.shape[1])
                for s in range(t + 1):
                    logit = a[t] @ b[s] + block.distance[t - s]
                    if block.span is not None:
                        logit = logit + block.span[int(math.log(max(1, abs(times[t] - times[s]))) / 0.301)]
                    mixed = mixed + F.silu(logit) / 7 * c[s]
                parts.append(mixed)
            rows.append(torch.cat(parts))
        x = x + block.out(u * F.layer_norm(torch.stack(rows), (d,), eps=1e-6))
    return x / x.norm(dim=1, keepdim=True) / model.temperature


@pytest.mark.parametrize("time_bias", [True, False])
def test_hidden_states_are_those_of_a_loop_behind_any_padding(corpus, time_bias):
    model = drawn(HSTU, corpus, heads=2, time_bias=time_bias, temperature=0.1)
    hidden = model.encode(IDS, True, TIMES)
    wider = model.encode(F.pad(IDS, (2, 0)), True, F.pad(TIMES, (2, 0)))
    for row in (0, 1, 2):
        items = past(row)
        expected = naive(model, items, TIMES[row, -len(items) :].tolist())
        torch.testing.assert_close(hidden[row, -len(items) :], expected)
        torch.testing.assert_close(wider[row, -len(items) :], expected)
    assert not hidden[IDS == 0].any()


def test_scores_are_cosines_over_the_temperature(corpus, make_batch):
    model = drawn(HSTU, corpus, temperature=0.5)
    x = model(make_batch([[3, 5, 1], [7]]))
    expected = F.cosine_similarity(x.users[:, None], model.table.all()[1:], dim=-1) / 0.5
    torch.testing.assert_close(x.scores()[:, 1:], expected)
    torch.testing.assert_close(model(x.batch, model.shared()).scores(), x.scores())


def test_a_position_reads_no_later_time(corpus):
    model = drawn(HSTU, corpus, time_bias=True)
    later = TIMES.clone()
    later[:, -1] += 1_000_000
    before, after = model.encode(IDS, True, TIMES), model.encode(IDS, True, later)
    assert torch.equal(before[:, :-1], after[:, :-1])
    assert not torch.isclose(before[:2, -1], after[:2, -1]).all(-1).any()


def test_a_batch_without_times_is_refused_where_they_are_read(corpus, make_batch):
    batch = make_batch([[3, 5, 1], [7]])
    assert drawn(HSTU, corpus)(batch).scores().isfinite().all()
    with pytest.raises(CompositionError, match="HSTU reads the times of events, and this batch has none"):
        drawn(HSTU, corpus, time_bias=True)(batch)


def test_a_view_without_times_takes_its_events_as_simultaneous(corpus):
    model = drawn(HSTU, corpus, time_bias=True)
    assert torch.equal(model.encode(IDS, True), model.encode(IDS, True, torch.full_like(IDS, 5)))


def test_positions_start_as_the_authors_code_leaves_them(corpus):
    model = drawn(HSTU, corpus, spread=False, dim=64, max_length=200)
    assert float(model.positions.weight.detach().std()) == pytest.approx((2 / (200 + 64)) ** 0.5, rel=0.05)


def test_buckets_grow_with_the_logarithm_of_seconds():
    index = buckets(torch.tensor([[0, 1, 3, 1_700_000_000]]))[0]
    assert index[0].tolist() == [0, 0, 3, 70] and torch.equal(index, index.T)
    assert int(buckets(torch.tensor([[0, 2**62]])).max()) == 128


def test_gradients_reach_all_parameters(corpus):
    model = drawn(HSTU, corpus, time_bias=True).train()
    (model.encode(IDS, True, TIMES) * torch.randn(4, 5, 8)).sum().backward()
    assert all(p.grad is not None and p.grad.any() and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": 3}, "hstu: dim=8 must be a multiple of heads=3"),
        ({"temperature": 0.0}, r"hstu: temperature=0\.0 must be above 0"),
    ],
)
def test_settings_out_of_range_are_refused(corpus, settings, message):
    with pytest.raises(CompositionError, match=message):
        drawn(HSTU, corpus, **settings)
