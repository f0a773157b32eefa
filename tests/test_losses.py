"""Pure losses against loops over pairs, and the reduction over two processes against one."""

import math
import subprocess
import sys

import pytest
import torch

from ssrec.losses import (
    bpr,
    cosine_contrastive,
    gather,
    global_mean,
    global_norm,
    grouped_log_mean_exp,
    info_nce,
    reduced,
)


def similarity(a, b, kind):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    if kind == "cosine":
        dot /= math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return dot


def naive_info_nce(first, second, temperature, kind, negatives, same=None):
    first, second = first.tolist(), second.tolist()
    total = 0.0
    for view, other in [(first, second), (second, first)][: 2 if negatives == "two_sided" else 1]:
        for i, anchor in enumerate(view):
            counted = [j for j in range(len(view)) if same is None or not same[i, j]]
            exps = [math.exp(similarity(anchor, v, kind) / temperature) for v in other]
            mass = sum(exps[j] for j in counted)
            if negatives == "two_sided":
                mass += sum(math.exp(similarity(anchor, view[j], kind) / temperature) for j in counted if j != i)
            total -= math.log(exps[i] / mass)
    return total


@pytest.mark.parametrize("negatives", ["two_sided", "one_sided"])
@pytest.mark.parametrize("kind", ["dot", "cosine"])
@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("masked", [False, True])
def test_info_nce_equals_the_loop(negatives, kind, temperature, masked):
    torch.manual_seed(0)
    first, second = torch.randn(5, 3), torch.randn(5, 3)
    same = torch.zeros(5, 5, dtype=torch.bool)
    same[0, 2] = same[2, 0] = same[1, 4] = True
    settings = {"temperature": temperature, "negatives": negatives, "same": same if masked else None}
    ours = info_nce(first, second, similarity=kind, **settings)
    assert ours.item() == pytest.approx(naive_info_nce(first, second, kind=kind, **settings), rel=1e-4)


def test_info_nce_is_computed_in_fp32():
    torch.manual_seed(0)
    first, second = torch.randn(6, 4), torch.randn(6, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(info_nce(first, second), info_nce(first.clone(), second.clone()))
        inside = info_nce(first, second)
    torch.testing.assert_close(inside, info_nce(first, second), rtol=1e-6, atol=0)


@pytest.mark.parametrize("negatives", ["two_sided", "one_sided"])
def test_one_row_has_finite_gradients(negatives):
    first = torch.randn(1, 3, requires_grad=True)
    info_nce(first, torch.randn(1, 3), negatives=negatives).backward()
    assert first.grad is not None and first.grad.isfinite().all()


def test_bpr_equals_the_loop():
    positive, negative = torch.tensor([1.0, -2.0, 50.0]), torch.tensor([0.5, 3.0, -60.0])
    pairs = zip(positive.tolist(), negative.tolist(), strict=True)
    naive = sum(-math.log(1 / (1 + math.exp(-(p - n)))) for p, n in pairs)
    assert bpr(positive, negative).item() == pytest.approx(naive, rel=1e-5)


def test_cosine_contrastive_equals_the_loop():
    positive, negatives = [0.4, -0.2], [[0.95, 0.1, 0.3], [-0.5, 0.99, 0.91]]
    ours = cosine_contrastive(torch.tensor(positive), torch.tensor(negatives), margin=0.9, negative_weight=6.0)
    over = (0.95 - 0.9) + (0.99 - 0.9) + (0.91 - 0.9)
    assert ours.item() == pytest.approx((1 - 0.4) + (1 + 0.2) + 6.0 * over / 3, rel=1e-5)


def test_grouped_log_mean_exp_equals_the_loop_over_groups():
    x, groups = [1.0, -300.0, 2.0, 0.5, -301.0], [7, 2, 7, 4, 2]
    values = torch.tensor(x, requires_grad=True)
    found = grouped_log_mean_exp(values, torch.tensor(groups))
    found.sum().backward()
    for value, group in zip(found.tolist(), groups, strict=True):
        own = [a for a, g in zip(x, groups, strict=True) if g == group]
        assert value == pytest.approx(
            max(own) + math.log(sum(math.exp(a - max(own)) for a in own) / len(own)), rel=1e-5
        )
    assert values.grad is not None
    assert values.grad.sum().item() == pytest.approx(5) and values.grad[3] == 1  # each mean moves by what all do


def test_reductions_and_norm_of_one_process():
    assert reduced(torch.tensor(6.0), 4, "mean").item() == 1.5
    assert reduced(torch.tensor(6.0), 4, "sum").item() == 6.0
    zero = torch.zeros(2, 3, requires_grad=True)
    global_norm(zero).backward()
    assert zero.grad is not None and (zero.grad == 0).all(), "a norm has no slope at zero, so it takes 0"
    assert global_norm(torch.tensor([[3.0], [4.0]])).item() == 5.0


def test_global_mean_of_one_process():
    assert global_mean(torch.tensor(6.0), 4).item() == 1.5
    assert global_mean(torch.tensor(6.0), torch.tensor(4)).item() == 1.5
    count = torch.tensor(0)
    total = torch.zeros((), requires_grad=True)
    mean = global_mean(total, count)
    mean.backward()
    assert mean.item() == 0 and total.grad == 1 and count == 0


def test_gather_of_one_process_is_the_tensor_itself():
    x = torch.randn(2, 3)
    everyone, start = gather(x)
    assert everyone is x and start == 0


TWO = """
import sys
import torch, torch.distributed as dist
from ssrec.losses import gather, global_mean, info_nce

torch.set_num_threads(1)
rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
torch.manual_seed(0)
first, second = torch.randn(5, 3), torch.randn(5, 3)
mine = slice(0, 3) if rank == 0 else slice(3, 5)  # uneven on purpose
for negatives in ("two_sided", "one_sided"):
    weight = torch.eye(3, requires_grad=True)  # what data-parallel training would average the gradient of
    total = info_nce(first[mine] @ weight, second[mine] @ weight, temperature=0.5, negatives=negatives)
    count = len(first[mine]) * (2 if negatives == "two_sided" else 1)
    number = torch.tensor(float(count))
    global_mean(total, number).backward()
    assert number == count, "the caller's count was edited"
    dist.all_reduce(weight.grad)
    torch.save(weight.grad / 2, f"{folder}/{negatives}{rank}.pt")
everyone, start = gather(first[mine])
assert torch.equal(everyone, first) and start == mine.start
dist.destroy_process_group()
"""


def test_two_processes_give_the_gradient_of_one(tmp_path):
    script = [sys.executable, "-W", "error", "-c", TWO]
    workers = [
        subprocess.Popen([*script, str(rank), str(tmp_path)], stderr=subprocess.PIPE, text=True) for rank in (0, 1)
    ]
    errors = [worker.communicate(timeout=60)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    torch.manual_seed(0)
    first, second = torch.randn(5, 3), torch.randn(5, 3)
    for negatives, terms in (("two_sided", 10), ("one_sided", 5)):
        weight = torch.eye(3, requires_grad=True)
        (info_nce(first @ weight, second @ weight, temperature=0.5, negatives=negatives) / terms).backward()
        for rank in (0, 1):
            torch.testing.assert_close(torch.load(tmp_path / f"{negatives}{rank}.pt"), weight.grad)
