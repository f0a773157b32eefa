"""Standard transformers: what each architecture does with rows of vectors, and what is refused."""

import sys

import pytest
import torch
from torch import nn

from ssrec.errors import CompositionError
from ssrec.huggingface import Transformer

transformers = pytest.importorskip("transformers", reason="needs the transformers library: pip install 'ssrec[hf]'")

CAUSAL = ["gpt2", "llama", "mistral", "qwen3", "gemma", "opt", "gpt_neox"]
BOTH = ["bert", "modernbert", "roberta", "electra", "albert", "distilbert"]


def made(architecture: str, causal: bool, **settings) -> Transformer:
    small = {"dim": 16, "layers": 2, "heads": 2, "inner": None, "max_length": 10, "dropout": 0.0, "settings": {}}
    return Transformer("asked", architecture, causal=causal, **{**small, **settings})


def rows(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    real = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]).bool()
    return torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(seed)) * real[..., None], real


@pytest.fixture(params=[(a, True) for a in CAUSAL] + [(a, False) for a in BOTH], ids=lambda p: p[0], scope="module")
def body(request):
    architecture, causal = request.param
    torch.manual_seed(0)
    body = made(architecture, causal).eval()
    for parameter in body.parameters():
        nn.init.normal_(parameter, std=0.3)
    return body, causal


def test_a_position_reads_what_it_may(body):
    body, causal = body
    x, real = rows()
    other = x.clone()
    other[:2, 3] = rows(seed=1)[0][:2, 3]  # a constant added would vanish in a norm
    before, after = body(x, real), body(other, real)
    assert torch.equal(before[:2, 2], after[:2, 2]) == causal
    assert not torch.isclose(before[:2, 3:], after[:2, 3:]).all(-1).any()


def test_more_padding_and_other_rows_change_nothing_and_a_row_of_none_is_finite(body):
    body, _ = body
    x, real = rows()
    whole = body(x, real)
    assert whole.isfinite().all()
    wide = body(torch.cat([torch.zeros(3, 4, 16), x], dim=1), torch.cat([torch.zeros(3, 4).bool(), real], dim=1))
    torch.testing.assert_close(wide[:, 4:][real], whole[real], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(body(x[:1], real[:1])[:, 2:], whole[:1, 2:], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(body(x[:1, 2:], real[:1, 2:]), whole[:1, 2:], rtol=1e-4, atol=1e-5)


def test_the_order_of_items_counts(body):
    body, _ = body
    x, real = rows()
    swapped = x[:, [0, 1, 3, 2, 4]]
    assert not torch.allclose(body(x, real)[:2, -1], body(swapped, real)[:2, -1])


def test_every_parameter_has_a_gradient_and_there_are_no_words(body):
    body, _ = body
    x, real = rows()
    body(x, real)[real].mul(torch.randn(8, 16)).sum().backward()
    assert [name for name, p in body.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []
    assert body.body.config.vocab_size == 1
    assert not list(body.body.get_input_embeddings().parameters())


@pytest.mark.parametrize(("architecture", "causal"), [("gpt2", True), ("llama", True), ("bert", False)])
def test_attention_is_the_fused_one(monkeypatch, architecture, causal):
    fused, calls = nn.functional.scaled_dot_product_attention, []
    body = made(architecture, causal)
    monkeypatch.setattr(
        nn.functional, "scaled_dot_product_attention", lambda *a, **k: calls.append(1) or fused(*a, **k)
    )
    body(*rows())
    assert len(calls) == 2, "a call for each block"


def test_sizes_and_dropout_are_the_architectures():
    bert = made("bert", False, dropout=0.3, inner=24).body.config
    assert (bert.hidden_size, bert.num_hidden_layers, bert.num_attention_heads) == (16, 2, 2)
    assert (bert.intermediate_size, bert.max_position_embeddings) == (24, 10)
    assert bert.hidden_dropout_prob == bert.attention_probs_dropout_prob == 0.3
    gpt = made("gpt2", True, dropout=0.3).body.config
    assert (gpt.n_embd, gpt.n_layer, gpt.n_head, gpt.n_inner, gpt.n_positions) == (16, 2, 2, 64, 10)
    assert gpt.resid_pdrop == gpt.embd_pdrop == gpt.attn_pdrop == 0.3
    assert made("llama", True).body.config.num_key_value_heads == 2


def test_dropout_follows_mode_and_seed():
    body = made("gpt2", True, dropout=0.5)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(body(*rows()))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert torch.equal(body.eval()(*rows()), body(*rows()))


def test_the_seed_decides_the_start():
    def start(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return nn.utils.parameters_to_vector(made("llama", True).parameters())

    assert torch.equal(start(3), start(3)) and not torch.equal(start(3), start(4))


def test_experts_whose_sums_differ_in_the_last_digit_are_causal():
    made("mixtral", True)


def test_other_settings_reach_the_config():
    assert made("llama", True, settings={"num_key_value_heads": 1}).body.config.num_key_value_heads == 1
    made("bert", True, settings={"is_decoder": True})  # a BERT that is causal is a decoder


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_rows_are_tried_within_their_length(length):
    assert made("gpt2", True, max_length=length) and made("bert", False, max_length=length)


@pytest.mark.parametrize(
    ("architecture", "causal", "settings", "message"),
    [
        ("gtp2", True, {}, "architecture=gtp2 is none of the library's; did you mean gpt2"),
        ("bert", True, {}, "a position reads what comes after it; model=hf_encoder takes it"),
        ("gpt2", False, {}, "a position reads only its past; model=hf_decoder takes it"),
        ("gpt2", True, {"heads": 3}, "dim=16 must be a multiple of heads=3"),
        ("gpt2", True, {"layers": 0}, "layers=0 must be at least 1"),
        ("gpt2", True, {"inner": 0}, "inner=0 must be at least 1"),
        ("gpt2", True, {"dropout": 1.0}, "dropout=1.0 must be at least 0 and below 1"),
        ("gpt2", True, {"settings": {"resid_prdop": 0.1}}, "no setting resid_prdop; did you mean resid_pdrop"),
        ("gpt2", True, {"settings": {"n_embd": 8}}, "say dim and not settings.n_embd"),
        ("gpt2", True, {"settings": {"hidden_size": 8}}, "say dim and not settings.hidden_size"),
        ("llama", True, {"settings": {"intermediate_size": 8}}, "say inner and not settings.intermediate_size"),
        ("llama", True, {"settings": {"hidden_act": "reul"}}, "does not take rows of item vectors so: .*reul"),
        ("bloom", True, {"inner": 8}, "has no width of its feed-forward network; leave inner null"),
        ("mamba", True, {}, "mamba has no num_attention_heads"),
        ("t5", False, {}, "t5 does not take rows of item vectors so"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(architecture, causal, settings, message):
    with pytest.raises(CompositionError, match=message) as refusal:
        made(architecture, causal, **settings)
    assert "\n" not in str(refusal.value)


def test_without_the_library_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(CompositionError, match=r"asked needs the transformers library; pip install 'ssrec\[hf\]'"):
        made("gpt2", True)
