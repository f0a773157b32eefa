"""Two processes teach as one does: averages, clusters and the surest labels are those of all rows together."""

import subprocess
import sys

import pytest
from safetensors.torch import load_file

from ssrec import runs
from ssrec.train import train

WORLD = ["dataset.users=61", "dataset.items=64", "model.dim=16", "model.layers=1", "ks=[5,10]", "trainer.max_epochs=2"]
TAUGHT = ["latent_item", "bootstrap_sequence", "intent_contrast", "pseudo_label"]
WHOLE = [f"view@objective.{name}.loss.views=[crop]" for name in TAUGHT[1:3]]
# Nothing is drawn at random: no dropout, all items hidden, views that leave a sequence as it is, and one cluster.
EXACT = [
    *("model.dropout=0.0", f"objective=[next_item,{','.join(TAUGHT)}]", "data.batching=mixed", "data.batch_size=22"),
    *WHOLE,
    *(f"objective.{name}.loss.views.crop.keep=1.0" for name in TAUGHT[1:3]),
    *("objective.latent_item.loss.probability=1.0", "objective.intent_contrast.loss.clusters=1"),
]


def test_two_processes_teach_as_one_does(tiny, tmp_path):
    one = train(tiny(*WORLD, *EXACT, f"outputs={tmp_path / 'one'}"))
    command = [sys.executable, "-c", "from ssrec.cli import main; main()", "train"]
    two = [*WORLD, *EXACT, "hardware=ddp_cpu", f"outputs={tmp_path / 'two'}"]
    made = subprocess.run([*command, *two], capture_output=True, text=True, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    (folder,) = (f.parent for f in (tmp_path / "two").glob("*/*/result.json"))
    result, expected = runs.read(folder), runs.read(one)
    assert (result["processes"], expected["processes"]) == (2, 1)
    assert result["fingerprint"] == expected["fingerprint"]
    assert result["metrics"] == pytest.approx(expected["metrics"], abs=1e-6, rel=0)
    weights = load_file(folder / "encoder.safetensors")
    for name, value in load_file(one / "encoder.safetensors").items():
        if not name.endswith("qkv.bias"):  # a softmax does not see the keys' bias: Adam makes steps of rounding noise
            assert weights[name].flatten().tolist() == pytest.approx(value.flatten().tolist(), abs=1e-5)
