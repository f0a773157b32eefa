"""A publisher's parts that the split does not read are told, with how much of the published test is trained on."""

from collections import Counter

import torch

from ssrec.audit.published import published
from ssrec.audit.report import audit

WORDS = ["train", "val", "test"]


def planted(plant, **settings):
    """Random events with random parts, among them some of each."""
    theirs = [WORDS[k] for k in torch.randint(3, (80,)).tolist()]
    events = [(u, i + 1) for u in range(1, 11) for i in torch.randperm(30)[:8].tolist()]
    return plant(events, published=theirs, **settings), theirs


def test_both_divisions_are_counted(plant):
    subject, theirs = planted(plant)
    ours = (["train"] * 6 + ["validation", "test"]) * 10
    found = published(subject)
    assert found is not None
    counted = Counter(zip(theirs, ours, strict=True))
    for word, row in found.parts.items():
        assert row == {ours: counted[word, ours] for ours in ("train", "validation", "test", "context", "unused")}
    (finding,) = found.findings()
    assert (finding.id, finding.grade) == ("parts_ignored", "note")
    assert f"trains on {counted['test', 'train']} of {theirs.count('test')} test events" in finding.sentence
    assert "parts_ignored" in {f.id for f in audit(subject).findings}


def test_the_publisher_s_split_is_no_finding(plant):
    assert published(planted(plant, given=True)[0]) is None


def test_data_without_parts_are_no_finding(plant):
    assert published(plant([(u, i) for u in range(1, 5) for i in range(1, 6)])) is None
