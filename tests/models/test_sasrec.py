"""SASRec against a loop over positions and heads, and the contract of a sequence encoder."""

from functools import partial
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from sequences import IDS, attended, drawn, past

from ssrec.encodings.sequence import SequenceEncoding
from ssrec.errors import CompositionError
from ssrec.models.sasrec import Positions, SASRec
from ssrec.models.table import AttributeSource, IdSource, Table
from ssrec.positions import rotate

NORMS = ["original", "pre", "post"]
POSITIONS = get_args(Positions)


def build(corpus, spread=True, **settings):
    return drawn(SASRec, corpus, spread, **{"inner": 12, **settings})


def naive(model, items, causal, norm, pads=0, positions="end"):
    """One row, position by position and head by head, with `pads` zero vectors in front that are attended to."""
    real = torch.tensor([False] * pads + [True] * len(items))
    length = len(real)
    x = torch.stack([model.table(torch.tensor(i)) for i in [0] * pads + items])
    if positions in ("end", "start"):
        places = [length - 1 - t if positions == "end" else t - pads for t in range(length)]
        x = x + model.positions.weight[torch.tensor(places).clamp(min=0)]
    x = model.enter(x)
    heads = model.blocks[0].attention.heads

    def turned(y):
        split = y.unflatten(1, (heads, -1)).transpose(0, 1)[None]
        return rotate(split)[0].transpose(0, 1).flatten(1) if positions == "rotary" else y

    def slope(h, t, s):
        return -(2 ** (-8 * (h + 1) / heads)) * abs(t - s) if positions == "alibi" else 0

    def attend(block, query, source):
        weight, bias = block.attention.qkv.weight, block.attention.qkv.bias
        d = query.shape[-1]
        q = query @ weight[:d].T + bias[:d]
        k = source @ weight[d : 2 * d].T + bias[d : 2 * d]
        v = source @ weight[2 * d :].T + bias[2 * d :]
        mixed = attended(turned(q), turned(k), v, heads, lambda t: range(t + 1 if causal else length), slope)
        return block.attention.out(mixed)

    for block in model.blocks:
        x = x * real[:, None]
        feed = lambda y: block.narrow(block.activation(block.widen(y)))  # noqa: B023, E731
        if norm == "original":
            query = block.attention_norm(x)
            y = block.feed_norm(query + attend(block, query, x))
            x = y + feed(y)
        elif norm == "pre":
            y = block.attention_norm(x)
            x = x + attend(block, y, y)
            x = x + feed(block.feed_norm(x))
        else:
            x = block.attention_norm(x + attend(block, x, x))
            x = block.feed_norm(x + feed(x))
    return model.leave(x)[pads:]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("positions", POSITIONS)
def test_hidden_states_are_those_of_a_loop(corpus, norm, causal, positions):
    model = build(corpus, norm=norm, positions=positions, activation="gelu" if causal else "relu")
    hidden = model.encode(IDS, causal)
    for row in (0, 1, 2):
        items = past(row)
        expected = naive(model, items, causal, norm, positions=positions)
        torch.testing.assert_close(hidden[row, -len(items) :], expected)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("max_length", [5, 9])
@pytest.mark.parametrize("positions", POSITIONS)
def test_attended_padding_is_that_of_literally_padded_rows(corpus, norm, causal, max_length, positions):
    same = {"norm": norm, "max_length": max_length, "positions": positions}
    model = build(corpus, attend_padding=True, **same)
    hidden = model.encode(IDS, causal)
    for row in (0, 1, 2):
        items = past(row)
        expected = naive(model, items, causal, norm, pads=max_length - len(items), positions=positions)
        torch.testing.assert_close(hidden[row, -len(items) :], expected)
    assert not torch.allclose(hidden[0, -1], build(corpus, **same).encode(IDS, causal)[0, -1])


@pytest.fixture(params=[(n, p, a) for n in NORMS for p in POSITIONS for a in (True, False)], ids=str)
def model(request, corpus):
    norm, positions, attend_padding = request.param
    return build(corpus, norm=norm, positions=positions, attend_padding=attend_padding)


@pytest.mark.parametrize("causal", [True, False])
def test_more_padding_changes_nothing_and_padding_is_zero(model, causal):
    hidden = model.encode(IDS, causal)
    wider = model.encode(F.pad(IDS, (2, 0)), causal)
    torch.testing.assert_close(wider[:, 2:], hidden)
    assert hidden.isfinite().all()
    assert not hidden[IDS == 0].any() and hidden[IDS != 0].any(-1).all()


def test_a_causal_pass_does_not_read_the_next_item_and_another_does(model):
    changed = IDS.clone()
    changed[:2, 3] = torch.tensor([6, 7])
    causal, moved = model.encode(IDS, True), model.encode(changed, True)
    assert torch.equal(causal[:, :3], moved[:, :3])
    assert not torch.isclose(causal[:2, 3:], moved[:2, 3:]).all(-1).any()
    both, moved = model.encode(IDS, False), model.encode(changed, False)
    assert not torch.isclose(both[:2][IDS[:2] != 0], moved[:2][IDS[:2] != 0]).all(-1).any()


def test_a_row_does_not_depend_on_the_others(model):
    for causal in (True, False):
        torch.testing.assert_close(model.encode(IDS, causal)[[2, 0]], model.encode(IDS[[2, 0]], causal))


def test_a_longer_row_is_cropped_on_the_left(model):
    longer = F.pad(IDS[1:2], (4, 0), value=6)
    hidden = model.encode(longer, True)
    assert hidden.shape == (1, 9, 8)
    torch.testing.assert_close(hidden[:, 2:], model.encode(longer[:, 2:], True))
    assert not hidden[:, :2].any()


def test_gradients_reach_all_parameters_and_stay_finite(model):
    model.train()
    (model.encode(IDS, True) * torch.randn(4, 5, 8)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_training_has_dropout_that_follows_the_seed(corpus):
    model = build(corpus, spread=False, dropout=0.5).train()
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(model.encode(IDS, True))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_attention_with_a_negligible_dropout_is_the_fused_one(corpus):
    """The CPU's own path for dropout computes what torch's kernel does."""
    model = build(corpus, dropout=1e-9)
    for causal in (True, False):
        fused = model.eval().encode(IDS, causal)
        torch.testing.assert_close(model.train().encode(IDS, causal), fused)


def test_half_precision_is_close_and_finite(corpus):
    for attend_padding in (True, False):
        model = build(corpus, spread=False, attend_padding=attend_padding)
        expected = model.encode(IDS, True)
        for mode in (True, False):
            model.train(mode)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                hidden = model.encode(IDS, True)
            assert hidden.isfinite().all()
        torch.testing.assert_close(hidden.float(), expected, atol=0.1, rtol=0.1)
        hidden.float().square().sum().backward()


def test_the_encoding_ranks_the_catalogue_by_the_last_hidden_state(corpus, make_batch):
    model = build(corpus)
    batch = make_batch([[3, 5, 1], [7]])
    encoding = model(batch)
    assert isinstance(encoding, SequenceEncoding) and encoding.causal
    expected = model.encode(batch.items, True)[:, -1] @ model.table.all().T
    torch.testing.assert_close(encoding.scores(), expected)
    torch.testing.assert_close(model(batch, model.shared()).scores(), expected)


def test_a_bidirectional_encoder_ranks_at_a_mask_token_even_in_a_full_row(corpus, make_batch):
    model = build(corpus, causal=False)
    full = [3, 5, 1, 2, 4, 6, 8]
    batch = make_batch([full, [7]])
    query = torch.tensor([[*full[1:], corpus.mask], [0] * 5 + [7, corpus.mask]])
    torch.testing.assert_close(model(batch).users, model.encode(query, False)[:, -1])


def test_initialisation_covers_the_tables(corpus):
    sources = {"id": IdSource, "attribute": AttributeSource}
    model = build(corpus, spread=False, table=partial(Table, sources=sources), init="normal", dim=64)
    for weight in (model.table.sources["attribute"].bag.weight, model.positions.weight):
        assert 0.015 < float(weight.detach().std()) < 0.025
    assert not model.table.sources["id"].embedding.weight[0].any()
    xavier = build(corpus, spread=False, dim=64, max_length=50)
    assert abs(float(xavier.positions.weight.detach().std()) / (2 / 114) ** 0.5 - 1) < 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dim": 9}, "dim=9 must be a multiple of heads=2"),
        ({"dim": 6, "positions": "rotary"}, "dim=6 must be a multiple of 2 \\* heads=4 for positions=rotary"),
        ({"layers": 0}, "layers=0 must be at least 1"),
        ({"inner": 0}, "inner=0 must be at least 1"),
        ({"dropout": 1.0}, "dropout=1.0 must be at least 0 and below 1"),
    ],
)
def test_settings_out_of_range_are_refused(corpus, settings, message):
    with pytest.raises(CompositionError, match=message):
        build(corpus, **settings)


def test_dropout_of_the_table_is_one_draw_for_inputs_and_outputs(corpus, make_batch):
    table = partial(Table, sources={"id": IdSource}, dropout=0.5)
    encoder = build(corpus, table=table, dim=64, heads=2, dropout=0.0).train()
    asked = make_batch([[3, 5, 1], [4, 2]])
    x = encoder(asked)
    dropped = x.items == 0
    assert 0.3 < dropped[1:].double().mean() < 0.7
    with torch.no_grad():
        encoder.table.sources["id"].embedding.weight[: corpus.item_rows][dropped] = 100.0  # what no one reads
    assert torch.equal(x.view(asked.items, causal=True).hidden, x.hidden)
    assert not torch.equal(encoder(asked).hidden, x.hidden)
