"""What holds for all metrics: exact over batches and processes, double precision, checked list lengths, configs.

Run as a script (`test_metric.py <rank> <folder>`) it is one of two processes that evaluate together.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from rankings import asked
from torch import nn
from torchmetrics import Metric

from ssrec.batch import Attributes, Corpus, Ragged
from ssrec.errors import CompositionError
from ssrec.metrics.accuracy import MAP, MRR, NDCG, HitRate, Precision, Recall
from ssrec.metrics.coverage import Coverage, Gini
from ssrec.metrics.diversity import AttributeDiversity, VectorDiversity
from ssrec.metrics.novelty import Novelty
from ssrec.metrics.popularity import AveragePopularity
from ssrec.ranking import ranking

ACCURACY = (Recall, HitRate, NDCG, MRR, Precision, MAP)
BEYOND = (Coverage, Gini, AveragePopularity, Novelty, AttributeDiversity, VectorDiversity)
ALL = ACCURACY + BEYOND
CONF = Path(__file__).parents[2] / "conf" / "metric"
KS = [1, 3, 10]
N, B, A = 120, 37, 6


def build() -> list[Metric]:
    generator = torch.Generator().manual_seed(1)
    items = (torch.rand(400, generator=generator).square() * N).long() + 1
    attributes = Attributes(
        Ragged(torch.randint(A, (2 * N,), generator=generator), torch.tensor([0, *range(0, 2 * N + 1, 2)])),
        tuple("abcdef"),
    )
    offsets = torch.tensor([0, *range(0, 401, 10)])
    corpus = Corpus(items, offsets, n_users=40, n_items=N, attributes=attributes)
    return [metric(corpus, ks=KS) for metric in ALL]


def evaluate(metrics: list[Metric], parts: list[slice]) -> dict[str, float]:
    """Update with these rows of one fixed evaluation, a batch for each part."""
    generator = torch.Generator().manual_seed(2)
    scores = torch.randn(B, N + 1, generator=generator)
    vectors = torch.randn(N + 1, 8, generator=generator)
    target = torch.randint(0, N + 1, (B, 4), generator=generator)
    target[::5] = 0
    seen = Ragged(torch.randint(1, N + 1, (B * 3,), generator=generator), torch.arange(0, 3 * B + 1, 3))
    rows = torch.arange(B)
    for part in parts:
        batch = asked(target[part], seen.select(rows[part]))
        r = ranking(scores[part], batch, max(KS), item_vectors=vectors)
        for metric in metrics:
            metric.update(r)
    return {name: value.item() for metric in metrics for name, value in metric.compute().items()}


@pytest.fixture(scope="module")
def whole() -> dict[str, float]:
    return evaluate(build(), [slice(0, B)])


def test_every_metric_reports_every_k(whole):
    assert set(whole) == {f"{metric.name}@{k}" for metric in ALL for k in KS} - {
        "diversity_attributes@1",  # one item is no pair
        "diversity_vectors@1",
    }
    assert all(value > 0 for value in whole.values())


def test_batches_do_not_matter(whole):
    batches = [slice(i, i + 1) for i in range(10)] + [slice(10, 12), slice(12, B)]
    assert evaluate(build(), batches) == pytest.approx(whole, rel=1e-12)


def test_no_rows_change_nothing_and_alone_report_nothing(whole):
    assert evaluate(build(), [slice(0, 0), slice(0, B), slice(0, 0)]) == pytest.approx(whole, rel=1e-12)
    assert evaluate(build(), [slice(0, 0)]) == {}


def test_a_reset_metric_is_a_new_one(whole):
    metrics = build()
    evaluate(metrics, [slice(0, 20)])
    for metric in metrics:
        metric.reset()
    assert evaluate(metrics, [slice(0, B)]) == whole


def test_two_processes_give_what_one_gives(whole, tmp_path):
    found = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}  # where `rankings` is
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(tmp_path)], env=found, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    for worker in workers:
        assert worker.wait(timeout=120) == 0, worker.stderr and worker.stderr.read()
        if worker.stderr:
            worker.stderr.close()
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == pytest.approx(whole, rel=1e-12)


def work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    share = [[slice(0, 9), slice(9, 24)], [slice(24, B)]][rank]  # shares of different sizes and batches
    (folder / f"{rank}.json").write_text(json.dumps(evaluate(build(), share)))
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    "cast",
    [lambda m: m.half(), lambda m: m.float(), lambda m: m.to(torch.bfloat16), lambda m: m.to("cpu", torch.float16)],
    ids=["half", "float", "to_bfloat16", "to_device_and_float16"],
)
def test_the_precision_of_the_model_leaves_the_sums_in_double(cast, whole):
    module = nn.ModuleList(build())
    evaluate(list(module), [slice(0, 20)])
    cast(module)
    assert evaluate(list(module), [slice(20, B)]) == pytest.approx(whole, rel=1e-12)
    for metric in module:
        metric.reset()
    assert evaluate(list(module), [slice(0, B)]) == whole


@pytest.mark.parametrize("metric", [Recall, Coverage])
@pytest.mark.parametrize(
    ("ks", "words"),
    [
        ([5, N + 1], f"K={N + 1} in ks is larger than the catalogue of {N} items"),
        ([0], "K=0 in ks is no list length"),
        ([True], "K=True in ks is no list length"),
        ([], "one or more different list lengths"),
        ([3, 3], "one or more different list lengths"),
    ],
)
def test_list_lengths_are_checked(metric, ks, words):
    corpus = Corpus(torch.tensor([1]), torch.tensor([0, 0, 1]), n_users=1, n_items=N)
    with pytest.raises(CompositionError, match=words):
        metric(corpus, ks=ks)
    metric(corpus, ks=[N])


@pytest.mark.parametrize("metric", BEYOND)
def test_shorter_lists_than_k_are_refused(metric):
    built = next(m for m in build() if isinstance(m, metric))
    r = ranking(torch.randn(2, N + 1), asked(torch.tensor([[1], [2]])), 9, item_vectors=torch.randn(N + 1, 8))
    with pytest.raises(CompositionError, match="K=10 reads a ranking whose top lists have 9 items"):
        built.update(r)


def test_a_config_is_called_as_its_results():
    found = {path.stem: OmegaConf.to_container(OmegaConf.load(path), resolve=False) for path in CONF.glob("*.yaml")}
    addresses = {f"{metric.__module__}.{metric.__qualname__}": metric.name for metric in ALL}
    for stem, config in found.items():
        node = config.pop(stem)
        assert not config and node.pop("_partial_") is True and node.pop("ks") == "${ks}"
        if node["_target_"] in addresses:
            assert addresses.pop(node.pop("_target_")) == stem
            assert not node
    assert not addresses


if __name__ == "__main__":
    work(int(sys.argv[1]), Path(sys.argv[2]))
