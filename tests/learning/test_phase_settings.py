"""What phases, weights and combinators are refused before data is read, and what neutral ones leave as it was."""

import pytest
import torch
from torch import nn

from ssrec import runs
from ssrec.encodings.encoding import Encoding
from ssrec.errors import CompositionError
from ssrec.learning.phase_settings import PhaseSettings, build_phases
from ssrec.learning.schedules import Ramp
from ssrec.learning.terms import Term
from ssrec.objectives.objective import Objective
from ssrec.train import checked, plain, stages, train

BOTH = "objective=[next_item,contrast_sequence]"
REFUSED = {
    "no phase": ("phases=[encoder]", r"phases takes a list of phases, for example phases=\[\{trained"),
    "another key": (
        "phases=[{train: [encoder.*]}]",
        r"phases\[0\]\.train is not an argument of .*did you mean trained",
    ),
    "another type": ("phases=[{trained: encoder}]", r"phases\[0\]\.trained is 'encoder', and .* takes a list of str"),
    "no such term": (
        "phases=[{}, {terms: [next]}]",
        r"phases\[1\]\.terms: next is no objective .*did you mean next_item",
    ),
    "no term": ("phases=[{terms: []}]", r"phases\[0\]\.terms is empty; leave it out for all"),
    "no parameter": ("phases=[{}, {trained: []}]", r"phases\[1\]\.trained is empty; leave it out for all"),
    "no such part": (
        "phases=[{trained: [encodr.*]}]",
        r"phases\[0\]\.trained: .* encodr\.\*; did you mean encoder\.\*",
    ),
    "a weight of another phase": (
        "phases=[{terms: [next_item], weights: {contrast_sequence: 1}}]",
        r"phases\[0\]\.weights: contrast_sequence is no objective of this phase; known: next_item",
    ),
    "a weight that is none": ("phases=[{weights: {next_item: much}}]", r"weights\.next_item is 'much'; .*a schedule"),
    "no length": ("phases=[{steps: 0}]", r"phases\[0\]\.steps is 0; a phase lasts at least 1"),
    "lengths of two kinds": ("phases=[{steps: 2}, {epochs: 1}]", "lengths in epochs and in steps"),
    "a length that is missing": ("phases=[{epochs: 2}, {}]", "one has a length in epochs, so every one needs it"),
    "no setting of the optimizer": ("phases=[{optimizer: {rate: .1}}]", r"phases\[0\]\.optimizer\.rate is not an arg"),
    "a rate that is none": ("phases=[{optimizer: {lr: -1}}]", r"phases\[0\]\.optimizer cannot be made with lr=-1"),
    "a schedule that lacks a setting": (
        "objective.next_item.weight={_target_: ssrec.learning.schedules.Ramp}",
        r"objective\.next_item\.weight lacks value, which Ramp needs",
    ),
    "the class of all schedules": (
        "objective.next_item.weight={_target_: ssrec.learning.schedules.Schedule}",
        "it takes a number or a schedule",
    ),
    "a weight that is no schedule": (
        "objective.next_item.weight={_target_: ssrec.learning.schedules.Term}",
        r"objective\.next_item\.weight\._target_ is ssrec\.learning\.schedules\.Term, which cannot be imported",
    ),
    "a schedule without a class": (
        "objective.next_item.weight={value: 1}",
        r"weight is {'value': 1}; .*schedules\.Ramp",
    ),
    "a class that is no schedule": (
        "objective.next_item.weight={_target_: ssrec.learning.terms.Term}",
        r"objective\.next_item\.weight is .*; it takes a number or a schedule",
    ),
    "a schedule's setting": (
        "objective.next_item.weight={_target_: ssrec.learning.schedules.Anneal, start: 1, end: 0, length: 2, by: x}",
        r"weight\.by is 'x', and Anneal takes epoch or step",
    ),
    "a schedule's range": (
        "objective.next_item.weight={_target_: ssrec.learning.schedules.Anneal, start: 1.0, end: 0.0, length: 0}",
        "Anneal: length=0 must be at least 1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_data_is_read(tiny, case):
    override, words = REFUSED[case]
    (stage,) = stages(tiny(BOTH, override))
    with pytest.raises(CompositionError, match=words) as refusal:
        checked(stage, starts=False)
    assert len(str(refusal.value).splitlines()) == 1


def test_phases_and_combinators_without_anything_to_step_are_refused(tiny):
    for override in ("phases=[{}]", "combine=pcgrad"):
        (stage,) = stages(tiny("recipe=popularity", override))
        with pytest.raises(CompositionError, match=override.partition("=")[0]):
            checked(stage, starts=False)
    (stage,) = stages(tiny("combine=uncertainty"))
    with pytest.raises(CompositionError, match="Uncertainty has nothing to combine"):
        checked(stage, starts=False)


class Layer(Objective[Encoding]):
    """An objective of nothing but a layer."""

    def __init__(self, layer: nn.Module):
        nn.Module.__init__(self)
        self.layer = layer

    def forward(self, x: Encoding) -> dict[str, torch.Tensor]:
        return {}


def built(*settings):
    encoder = nn.ModuleDict({"table": nn.Linear(2, 2), "frozen": nn.Linear(2, 2).requires_grad_(False)})
    terms = {"a": Term(1.0, Layer(nn.Linear(1, 1))), "b": Term(2.0, Layer(nn.Identity()))}
    return build_phases([PhaseSettings(**said) for said in settings], encoder, terms, None)


def test_settings_become_terms_and_parameters():
    ramp = Ramp(0.5)
    first, second = built(
        {"trained": ["encoder.*"], "weights": {"b": ramp}, "epochs": 3},
        {"trained": ["a.*.weight", "*.bias"], "terms": ["a"], "optimizer": {"lr": 1.0}, "epochs": 1},
    )
    assert list(first.trained) == ["encoder.table.weight", "encoder.table.bias"]
    assert list(second.trained) == ["encoder.table.bias", "a.layer.weight", "a.layer.bias"]
    assert {name: term.weight for name, term in first.terms.items()} == {"a": 1.0, "b": ramp}
    assert list(second.terms) == ["a"] and second.settings == {"lr": 1.0}
    assert [(phase.unit, phase.length) for phase in (first, second)] == [("epochs", 3), ("epochs", 1)]
    (whole,) = built({})
    assert len(whole.trained) == 4 and (whole.unit, whole.length) == ("steps", 1)
    assert built() == []


def test_what_no_phase_trains_and_globs_of_nothing_are_refused():
    with pytest.raises(CompositionError, match=r"no phase trains a\.layer\.weight \(2 parameters of 4\)"):
        built({"trained": ["encoder.*"]})
    with pytest.raises(CompositionError, match=r"phases\[1\]\.trained: no parameter matches encoder\.frozen\.\*"):
        built({}, {"trained": ["encoder.frozen.*"]})
    with pytest.raises(CompositionError, match=r"no parameter matches b\.\*"):
        built({"trained": ["*", "b.*"]})


def test_neutral_keys_leave_old_fingerprints_and_others_do_not(tiny):
    def fingerprint(*overrides, without=()):
        content = plain(stages(tiny(BOTH, *overrides))[0])
        return runs.fingerprint({k: v for k, v in content.items() if k not in without}, "data", None)

    old = fingerprint(without=("phases", "combine"))
    assert fingerprint() == fingerprint("combine=sum") == fingerprint("phases=[]") == old
    told = [["phases=[{}]"], ["phases=[{epochs: 2}]"], ["combine=pcgrad"], ["combine=uncertainty"]]
    assert len({fingerprint(*changed) for changed in told} | {old}) == 5


def test_a_pretraining_has_phases_and_a_combinator_of_its_own(tiny):
    both = "objective@pretrain.objective=[next_item,masked_item]"
    plain_one, main = stages(tiny(BOTH, both, "phases=[{}]", "combine=pcgrad"))
    assert plain_one.phases == [] and plain_one.combine == {}
    assert main.phases == [{}] and main.combine._target_ == "ssrec.learning.combine.PCGrad"
    own = [both, "+pretrain.phases=[{steps: 2}]", "combine@pretrain.combine=pcgrad"]
    first, second = stages(tiny(*own))
    assert first.phases == [{"steps": 2}] and first.combine._target_ == "ssrec.learning.combine.PCGrad"
    assert second.phases == [] and second.combine == {}
    folder = train(tiny(*own, "pretrain.trainer.max_epochs=1", "trainer.max_epochs=1"))
    result = runs.read(folder)
    assert result["init"]["steps"] == 2 * result["steps"]
    assert result["targets_seen_with_pretraining"] == 3 * result["targets_seen"]
