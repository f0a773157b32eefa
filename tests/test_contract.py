"""The laws that every model, objective and view of conf/ keeps; a new yaml is held to them without an edit here."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass, replace

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from histories import Fixed, published
from omegaconf import DictConfig, OmegaConf
from options import (
    MODELS,
    OBJECTIVES,
    TRAINED,
    composed,
    covered,
    grid,
    model_axes,
    overrides,
    stems,
    trainings,
    usual_model,
    usual_objective,
    variants,
)
from torch import Tensor, nn

from ssrec import confs
from ssrec.batch import PAD, Batch, Ragged
from ssrec.checks.parts import resolve_rows
from ssrec.compose import build_terms, encoding_of, fits, instantiate, readable
from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.module import DataModule
from ssrec.data.rows import KINDS, held_batch, make_rows
from ssrec.data.sources.synthetic import Synthetic
from ssrec.data.split import TEST, TRAIN, VAL, Events, Splits
from ssrec.encodings.encoding import FittedEncoding
from ssrec.encodings.graph import GraphEncoding
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.errors import CompositionError
from ssrec.learning.terms import Term
from ssrec.models.encoder import Encoder
from ssrec.ranking import ranking
from ssrec.train import checked, plain, stages
from ssrec.views.view import View

MAX_LENGTH = 10
NOTHING = torch.empty(0, dtype=torch.long)
PAIRS = [(model, objective) for model in MODELS for objective in OBJECTIVES]
# every objective with its usual model, every model with its usual objective: other pairs meet in training
READINGS = [
    (m, o, kind)
    for m, o in PAIRS
    if fits(MODELS[m], OBJECTIVES[o]) and (m == usual_model(o) or o == usual_objective(m))
    for kind in readable(MODELS[m], OBJECTIVES[o])
]
VARIANTS = [overrides(model, combination) for model in MODELS for combination in covered(model_axes(model))]
SEQUENCES = [v for v in VARIANTS if encoding_of(MODELS[v[0].partition("=")[2]]) is SequenceEncoding]

every_variant = pytest.mark.parametrize("chosen", VARIANTS, ids=lambda v: f"{v[0]}-{VARIANTS.index(v)}")
every_sequence = pytest.mark.parametrize("chosen", SEQUENCES, ids=lambda v: f"{v[0]}-{VARIANTS.index(v)}")
every_reading = pytest.mark.parametrize(("model", "objective", "rows"), READINGS)


# ---- what an experiment builds, without Lightning


@dataclass
class Run:
    """An encoder, its terms and its training batches, built as `ssrec.train` builds them."""

    stage: DictConfig
    encoder: Encoder
    terms: Mapping[str, Term]
    batches: list[Batch]

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        parts = nn.ModuleDict({"encoder": self.encoder, **{name: term.loss for name, term in self.terms.items()}})
        return dict(parts.named_parameters())

    def precision(self) -> AbstractContextManager:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.stage.hardware.precision == "bf16-mixed")

    def losses(self, batch: Batch, seed: int = 0) -> dict[str, Tensor]:
        """The weighted parts, with dropout, views and negatives drawn from a seed."""
        torch.manual_seed(seed)
        with self.precision():
            x = self.encoder(batch)
            return {f"{n}/{k}": t.at(0) * v for n, t in self.terms.items() for k, v in t.loss(x).items()}

    def loss(self, batch: Batch, seed: int = 0, parts: Collection[str] | None = None) -> Tensor:
        """The sum of all parts, or of some."""
        return torch.stack([v for k, v in self.losses(batch, seed).items() if parts is None or k in parts]).sum()

    def falling(self, parts: Collection[str]) -> list[list[str]]:
        """The parts whose sum a step lowers: all together, but each of a game's players by itself."""
        own = [f"{name}/{part}" for name, term in self.terms.items() for part in term.loss.players]
        together = [part for part in parts if part not in own]
        return [*([together] if together else []), *([part] for part in own)]

    def step(self, batch: Batch, times: int, parts: Collection[str] | None = None) -> None:
        """Optimizer steps with the same draws every time: a fixed function goes down, or its gradient is wrong."""
        optimizer = instantiate(self.stage.optimizer)(self.parameters.values())
        for _ in range(times):
            optimizer.zero_grad()
            self.loss(batch, parts=parts).backward()
            optimizer.step()
            for term in self.terms.values():
                term.loss.after_step(self.encoder)


def of_another_run(stage: DictConfig, world: Splits) -> Encoder:
    """An encoder that is far from a fresh one, so that there is much to learn from it."""
    encoder = instantiate(stage.model, world.corpus)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(3)
    return encoder


def start(world: Splits, chosen: tuple[str, ...], seed: int = 0) -> Run:
    (stage,) = stages(composed(*chosen))
    data = {**instantiate(stage.data), "rows": resolve_rows(plain(stage))}
    torch.manual_seed(seed)
    encoder = instantiate(stage.model, world.corpus)
    terms = build_terms(stage.objective, encoder, world.corpus, lambda *_: of_another_run(stage, world))
    for term in terms.values():
        term.loss.before_epoch(encoder, world.corpus)
    return Run(stage, encoder, terms, list(DataModule(world, **data, seed=seed).train_dataloader()))


RANKERS: dict[tuple[str, ...], Encoder] = {}  # of the one world; many laws are tried on each


def ranker(world: Splits, chosen: tuple[str, ...]) -> Encoder:
    torch.manual_seed(0)
    if chosen not in RANKERS:
        RANKERS[chosen] = instantiate(composed(*chosen).model, world.corpus).eval()
    return deepcopy(RANKERS[chosen])


def held(world: Splits, rows: Tensor | None = None) -> Batch:
    return held_batch(world.test, torch.arange(len(world.test)) if rows is None else rows, MAX_LENGTH)


def wider(batch: Batch, columns: int) -> Batch:
    """The same rows behind more padding."""
    times = None if batch.times is None else F.pad(batch.times, (columns, 0))
    return replace(batch, items=F.pad(batch.items, (columns, 0), value=PAD), times=times)


# ---- types: what fits composes, all else is refused by name


@pytest.fixture(scope="module")
def printed() -> dict[tuple[str, str], bool]:
    """The compatibility matrix as `ssrec matrix` prints it: of each pair, whether a table of it says yes."""
    found = dict.fromkeys(PAIRS, False)
    *tables, _ = confs.matrix().split("\n\n")
    for table in tables:
        head, _, *lines = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines())
        assert lines and all(len(line) == len(head) for line in lines)
        found |= {(m, line[0]): cell == "yes" for line in lines for m, cell in zip(head[2:], line[2:], strict=True)}
    return found


def kinds(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of pairs that are refused alike, one: a model stands for those of its encoding, passes and branches."""
    found: dict[object, tuple[str, str]] = {}
    for model, objective in pairs:
        made = MODELS[model]
        kind = (encoding_of(made), made.passes, made.branches)
        found.setdefault((objective, model if fits(made, OBJECTIVES[objective]) else kind), (model, objective))
    return list(found.values())


def paired(model: str, objective: str) -> DictConfig:
    """The stage of `model=... objective=[...]`; hundreds of pairs are joined sooner than composed."""
    whole = composed(f"model={model}", "objective=[]").copy()
    OmegaConf.update(whole, "objective", composed(f"objective=[{objective}]").objective, force_add=True)
    (stage,) = stages(whole)
    return stage


def test_joined_is_composed():
    (stage,) = stages(composed("model=lightgcn", "objective=[contrast_graph]"))
    assert paired("lightgcn", "contrast_graph") == stage


@pytest.mark.parametrize(("model", "objective"), kinds(PAIRS))
def test_a_pair_composes_or_is_refused_by_name(printed, model, objective):
    stage = paired(model, objective)
    if printed[model, objective]:
        assert checked(stage, starts=False)["data"]["rows"] in OBJECTIVES[objective].rows
        return
    with pytest.raises(CompositionError) as refusal:
        checked(stage, starts=False)
    said = str(refusal.value)
    assert MODELS[model].__name__ in said
    if encoding_of(MODELS[model]) is FittedEncoding:
        assert "objective=[]" in said
    else:
        fitting = [o for o in OBJECTIVES if printed[model, o]], [m for m in MODELS if printed[m, objective]]
        assert objective in said and all(name in said for names in fitting for name in names)


def test_the_matrix_lists_all_of_conf(printed):
    closed = confs.matrix().rpartition(": ")[2].removesuffix(".").split(", ")
    assert {*printed} == {*PAIRS}, "it names nothing else"
    assert {m for m, o in printed if printed[m, o]} == set(TRAINED) and {o for m, o in printed if printed[m, o]} == {
        *stems("objective")
    }
    assert set(closed) == set(stems("model")) - set(TRAINED)


@pytest.mark.parametrize("model", TRAINED)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_an_objective_cannot_read_are_refused(model, kind):
    for objective in (o for o in OBJECTIVES if fits(MODELS[model], OBJECTIVES[o])):
        stage = paired(model, objective)
        stage.data.rows = kind
        if kind in readable(MODELS[model], OBJECTIVES[objective]):
            assert checked(stage, starts=False)["data"]["rows"] == kind
            continue
        reason = "would let a position read its label" if kind in OBJECTIVES[objective].rows else "cannot read"
        with pytest.raises(CompositionError, match=f"objective {objective} .*{reason}"):
            checked(stage, starts=False)


@every_reading
def test_rows_whose_label_a_pass_would_see_are_refused(world, model, objective, rows):
    chosen = (f"model={model}", f"objective=[{objective}]", f"data.rows={rows}")
    if "causal" not in composed(*chosen).model or rows not in OBJECTIVES[objective].causal_rows:
        assert start(world, chosen).loss(start(world, chosen).batches[0]).isfinite()
        return
    (stage,) = stages(composed(*chosen, "model.causal=false"))
    with pytest.raises(
        CompositionError, match=f"{objective} over data.rows={rows} would let a position read its label"
    ):
        checked(stage, starts=False)
    run = start(world, chosen)
    run.encoder = ranker(world, (*chosen, "model.causal=false"))
    with pytest.raises(CompositionError, match="label"):  # and where nobody checked, at the first step
        run.loss(run.batches[0])


# ---- training


def trained(world: Splits, chosen: tuple[str, ...]) -> None:
    """Parts are finite scalars, follow the seed, reach every parameter, and a few steps lower their sum."""
    run, again = start(world, chosen), start(world, chosen)
    batch = run.batches[0]
    parts = run.losses(batch)
    assert parts and all(value.shape == () and value.isfinite() for value in parts.values()), parts
    loss = run.loss(batch)
    assert loss == again.loss(again.batches[0]), "the same seed gave another loss"
    loss.backward()
    for name, parameter in run.parameters.items():
        assert parameter.grad is not None and parameter.grad.any(), f"no gradient reaches {name}"
        assert parameter.grad.isfinite().all(), name
    for falling in run.falling(parts):
        before = run.loss(batch, parts=falling)
        run.step(batch, 5, falling)
        assert run.loss(batch, parts=falling) < before, falling


@pytest.mark.parametrize("chosen", [overrides(m, c) for m in TRAINED for c in trainings(m)], ids=lambda c: c[0])
def test_training_a_model(world, chosen):
    trained(world, chosen)


@pytest.mark.parametrize("chosen", [overrides(m, c) for o in OBJECTIVES for m, c in variants(o)], ids=lambda c: c[1])
def test_training_with_an_objective(world, chosen):
    trained(world, chosen)


@pytest.mark.grid
@pytest.mark.parametrize("model", TRAINED)
def test_training_over_the_grid(world, model):
    failed = {}
    for chosen in (overrides(model, combination) for combination in grid(model)):
        try:
            trained(world, chosen)
        except AssertionError as error:
            failed[chosen] = error
    assert not failed


@every_reading
def test_more_padding_changes_no_loss(world, model, objective, rows):
    """Nor, where an objective draws as many numbers as there are columns, the mean of many draws."""
    run = start(world, (f"model={model}", f"objective=[{objective}]", f"data.rows={rows}"))
    batch = run.batches[0]
    run.step(batch, 20)  # else every item costs the same, padding too
    run.encoder.eval()
    with torch.no_grad():
        few, many = (torch.stack([run.loss(wider(batch, n), seed) for seed in range(32)]) for n in (0, 7))
    if MODELS[model].reads_padding:
        assert not torch.equal(few, many)
        return
    error = (few.var() + many.var()).div(len(few)).sqrt()
    assert (few.mean() - many.mean()).abs() <= 4 * error + 1e-5 * few.mean().abs()


@every_reading
@pytest.mark.parametrize("n", [0, 1])
def test_a_batch_of_no_row_or_one(world, model, objective, rows, n):
    run = start(world, (f"model={model}", f"objective=[{objective}]", f"data.rows={rows}"))
    batch = make_rows(world.corpus, rows, MAX_LENGTH).batch(torch.arange(n))
    loss = run.loss(batch)
    loss.backward()
    assert loss.isfinite() and (n or loss == 0)
    assert all(p.grad is None or p.grad.isfinite().all() for p in run.parameters.values())


# ---- encoders


@every_variant
def test_more_padding_changes_no_score(world, chosen):
    encoder, batch = ranker(world, chosen), held(world)
    for columns in (1, 7):
        x, y = encoder(batch), encoder(wider(batch, columns))
        if encoder.reads_padding:
            assert not torch.equal(x.scores(), y.scores()), f"{type(encoder).__name__} declares what is not so"
            continue
        torch.testing.assert_close(y.scores(), x.scores(), rtol=1e-4, atol=1e-5)
        if isinstance(x, SequenceEncoding):
            torch.testing.assert_close(y.hidden[:, columns:], x.hidden, rtol=1e-4, atol=1e-5)


@every_sequence
def test_no_position_of_a_causal_pass_sees_its_label(world, chosen):
    encoder, batch = ranker(world, chosen), make_rows(world.corpus, "window", MAX_LENGTH).batch(torch.arange(12))
    x = encoder(batch)
    before = x.view(batch.items, causal=max(encoder.passes), times=batch.times).hidden
    for t in range(1, batch.items.shape[1]):
        other = batch.items.clone()
        other[:, t] = torch.where(other[:, t] == PAD, PAD, other[:, t] % world.corpus.n_items + 1)
        after = x.view(other, causal=max(encoder.passes), times=batch.times).hidden
        assert torch.equal(after[:, :t], before[:, :t]) == max(encoder.passes)
        assert not torch.equal(after[:, t:], before[:, t:])
        plain = encoder(replace(batch, items=other)).hidden
        assert torch.equal(plain[:, :t], x.hidden[:, :t]) == x.causal, "its plain pass is not what it says"


@every_variant
def test_a_row_does_not_depend_on_the_others(world, chosen):
    encoder = ranker(world, chosen)
    together = encoder(held(world), encoder.shared()).scores()
    assert together.shape == (len(world.test), world.corpus.item_rows)
    for rows in (torch.tensor([3]), torch.tensor([17, 0, 40])):
        torch.testing.assert_close(encoder(held(world, rows)).scores(), together[rows], rtol=1e-4, atol=1e-5)
    assert encoder(held(world, NOTHING)).scores().shape == (0, world.corpus.item_rows)


@every_variant
def test_a_row_without_a_past_is_ranked(world, chosen):
    """Alone, where a batch has no columns, and beside others."""
    encoder, nobody = ranker(world, chosen), torch.zeros(2, dtype=torch.long)
    alone = Batch(nobody, nobody, nobody[:, None][:, :0], nobody[:, None], seen=Ragged(NOTHING, torch.zeros(3).long()))
    scores = encoder(alone).scores()
    assert scores.shape == (2, world.corpus.item_rows) and scores.isfinite().all()
    torch.testing.assert_close(encoder(wider(alone, 3)).scores(), scores)


@every_variant
def test_evaluation_draws_nothing(world, chosen):
    encoder, batch = ranker(world, chosen), held(world)
    first = encoder(batch).scores()
    state = torch.manual_seed(1).get_state()
    assert torch.equal(encoder(batch).scores(), first)
    assert torch.equal(torch.get_rng_state(), state)


@every_variant
def test_scores_are_single_precision_also_in_half(world, chosen):
    encoder, batch = ranker(world, chosen), held(world)
    with torch.autocast("cpu", torch.bfloat16):
        scores = encoder(batch).scores()
    assert scores.dtype == torch.float32 and scores.isfinite().all()
    coarse = scores.bfloat16().float()
    assert encoding_of(type(encoder)) is FittedEncoding or not torch.equal(scores, coarse), "rounded on the way"


@every_variant
def test_top_lists_hold_items_alone(world, chosen):
    """Neither padding nor the mask token, though both are rows of a table; nor what was seen, nor anything twice."""
    encoder, batch = ranker(world, chosen), held(world)
    with torch.no_grad():
        for parameter in encoder.parameters():  # also where the scores of padding would be high
            parameter[0] = parameter[-1] = 1.0
    x = encoder(batch)
    found = ranking(x.scores(), batch, world.corpus.n_items, item_vectors=x.item_vectors())
    for row, seen in zip(found.top, batch.items, strict=True):
        items = row[row != PAD]
        assert ((items >= 1) & (items <= world.corpus.n_items)).all()
        assert not torch.isin(items, seen[seen != PAD]).any() and len(items.unique()) == len(items)
    assert (found.top[:, :10] != PAD).all()


# ---- what is fitted, is fitted on the training split


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A split of a world, and of that world with other items in all held-out events or in all others."""
    source = Synthetic(users=60, items=40, departments=2, categories=3, min_events=6, max_events=16)
    canonical = published(prepare(source, Cleaning(), tmp_path_factory.mktemp("planted")))
    table = canonical.interactions

    def split(name: str, change: str | None = None) -> Splits:
        """Each event keeps its part, also where the items decide which are held out."""
        chosen = instantiate(composed(f"split={name}").split)
        part = chosen.parts(Events.of(canonical))
        marked = {None: part < TRAIN, "training": part == TRAIN, "held out": (part == VAL) | (part == TEST)}[change]
        item = table["item"].to_torch()
        planted = pl.Series("item", torch.where(marked, item % canonical.n_items + 1, item).numpy())
        world = replace(canonical, interactions=table.with_columns(planted))
        return Fixed((tuple(part.tolist()),), chosen.history)(world)

    return split


def fitted_state(splits: Splits, model: str) -> dict[str, Tensor]:
    """All tensors of a model and of the objectives that fit it, and what it says of fixed rows."""
    torch.manual_seed(0)
    encoder = instantiate(composed(f"model={model}").model, splits.corpus)
    parts = {"encoder": encoder}
    for name in (o for o in OBJECTIVES if fits(MODELS[model], OBJECTIVES[o])):
        chosen = stages(composed(f"objective=[{name}]"))[0].objective
        terms = build_terms(chosen, encoder, splits.corpus, lambda *_: encoder)
        terms[name].loss.before_epoch(encoder, splits.corpus)
        parts[name] = terms[name].loss
    modules = nn.ModuleDict(parts)
    batch = held_batch(splits.val, torch.arange(min(8, len(splits.val))), MAX_LENGTH)
    scores = {"scores": encoder.eval()(batch).scores()}
    return {**dict(modules.named_parameters()), **dict(modules.named_buffers()), **scores}


@pytest.mark.parametrize("split", stems("split"))
def test_no_corpus_holds_what_is_held_out(planted, split):
    plain, held_out, training = (planted(split, change) for change in (None, "held out", "training"))
    assert torch.equal(held_out.corpus.items, plain.corpus.items)
    assert torch.equal(held_out.corpus.offsets, plain.corpus.offsets)
    assert torch.equal(held_out.corpus.counts, plain.corpus.counts)
    assert not torch.equal(held_out.test.target.values, plain.test.target.values), "nothing was planted"
    assert not torch.equal(training.corpus.items, plain.corpus.items)


@pytest.mark.parametrize("split", stems("split"))
@pytest.mark.parametrize("model", MODELS)
def test_no_state_depends_on_what_is_held_out(planted, split, model):
    plain, held_out, training = (fitted_state(planted(split, c), model) for c in (None, "held out", "training"))
    assert all(torch.equal(held_out[name], value) for name, value in plain.items())
    if encoding_of(MODELS[model]) in (FittedEncoding, GraphEncoding):
        assert not all(torch.equal(training[k], v) for k, v in plain.items() if k != "scores"), "it fits nothing"


# ---- views


@pytest.mark.parametrize("name", confs.known("view", View))
def test_a_view_keeps_its_rows(world, name):
    content = confs.read(confs.folder() / "view" / f"{name}.yaml")
    view = instantiate(content[name])(world.corpus)
    lengths = torch.arange(13).repeat(8)
    rows = torch.arange(len(lengths))
    items, times = torch.randint(1, world.corpus.n_items + 1, (2, len(lengths), 14))
    padding = torch.arange(14) < 14 - lengths[:, None]
    user, target = rows % world.corpus.n_users + 1, rows[:, None] % world.corpus.n_items + 1
    batch = Batch(rows, user, items.masked_fill(padding, PAD), target, times=times.masked_fill(padding, PAD))
    before = batch.items.clone(), batch.times.clone()
    seen = view(batch)
    out = seen.items
    assert torch.equal(batch.items, before[0]) and torch.equal(batch.times, before[1]), "it edits its input"
    assert out.shape == seen.times.shape and out.dtype == items.dtype and seen.times.dtype == times.dtype
    assert view.draws != torch.equal(out, batch.items)
    real = out != PAD
    assert (real[:, 1:] >= real[:, :-1]).all(), "not right-aligned"
    assert (real.any(1) == (lengths > 0)).all(), "a row was emptied, or filled from nothing"
    assert torch.equal(seen.times != PAD, real), "times do not go with items"
    for was, now in zip(batch.items.tolist(), out.tolist(), strict=True):
        assert not view.own_items or set(now) <= {*was, PAD, world.corpus.mask}
    torch.manual_seed(3)
    one = view(batch).items
    torch.manual_seed(3)
    assert torch.equal(view(batch).items, one) and view.draws != torch.equal(view(batch).items, one)
