"""Killed runs of graph objectives: what they draw or fit each epoch, and what they keep, goes on as if unbroken."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from ssrec import runs
from ssrec.learner import Learner
from ssrec.train import train

CASES = {
    "edges dropped for an epoch, and clusters": [
        "model=lightgcn",
        "objective=[bpr,contrast_graph,contrast_prototypes]",
        "objective.contrast_prototypes.loss.clusters=4",
    ],
    "hard negatives and noise": ["recipe=xsimgcl", "objective.bpr.loss.negatives=mixgcf"],
    "a teacher": ["recipe=buir"],
    "stored vectors": ["recipe=selfcf"],
}


class Killed(Exception):
    pass


@pytest.mark.parametrize("case", CASES)
def test_a_killed_run_ends_where_an_unbroken_one_does(tiny, monkeypatch, case):
    overrides = [*CASES[case], "trainer.max_epochs=3", "data.batch_size=64"]
    unbroken = train(tiny(*overrides, "study=unbroken"))
    expected = runs.read(unbroken)["metrics"], load_file(unbroken / "encoder.safetensors")
    shutil.rmtree(unbroken)
    start, reached = Learner.on_train_epoch_start, []

    def killing(self):
        reached.append(self.current_epoch)
        if reached == [0, 1]:
            raise Killed
        start(self)

    monkeypatch.setattr(Learner, "on_train_epoch_start", killing)
    with pytest.raises(Killed):
        train(tiny(*overrides, "study=broken"))
    folder = train(tiny(*overrides, "study=broken"))
    assert reached == [0, 1, 1, 2], "it goes on at the epoch that was cut short"
    assert runs.read(folder)["metrics"] == expected[0]
    weights = load_file(folder / "encoder.safetensors")
    assert all(torch.equal(weights[name], value) for name, value in expected[1].items())
