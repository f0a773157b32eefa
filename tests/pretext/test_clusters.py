"""k-means against loops over vectors and centroids."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.pretext import clusters
from ssrec.pretext.clusters import k_means, nearest


@given(rows=st.integers(0, 12), k=st.integers(1, 5), budget=st.integers(1, 30), seed=st.integers(0, 99))
def test_the_nearest_centroid_is_that_of_the_loop(rows, k, budget, seed):
    generator = torch.Generator().manual_seed(seed)
    x, centroids = torch.randn(rows, 3, generator=generator), torch.randn(k, 3, generator=generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "BUDGET", budget)
        of, away = nearest(x, centroids)
    for i in range(rows):
        distances = [float((x[i] - c).square().sum()) for c in centroids]
        assert distances[of[i]] == pytest.approx(min(distances), abs=1e-5)
        assert float(away[i]) == pytest.approx(min(distances), abs=1e-5)


def test_half_precision_around_it_changes_nothing():
    x = torch.randn(60, 8) * 0.3 + 2  # far from the origin, where distances are small differences
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = nearest(x, x[:20])
    assert all(torch.equal(a, b) for a, b in zip(inside, nearest(x, x[:20]), strict=True))


def naive_lloyd(x: torch.Tensor, centroids: torch.Tensor, iterations: int) -> torch.Tensor:
    """The textbook, for data in which no cluster is ever empty."""
    for _ in range(iterations):
        groups: list[list[torch.Tensor]] = [[] for _ in centroids]
        for row in x:
            groups[min(range(len(centroids)), key=lambda c: float((row - centroids[c]).square().sum()))].append(row)
        centroids = torch.stack([torch.stack(group).mean(0) for group in groups])
    return centroids


def test_iterations_are_those_of_the_loop():
    x = torch.randn(60, 2)
    torch.manual_seed(1)
    found, _ = k_means(x, 3, iterations=4)
    torch.manual_seed(1)
    start = x[torch.randperm(len(x))[:3]]
    torch.testing.assert_close(found, naive_lloyd(x, start, 4))


def test_it_finds_clusters_that_are_far_apart():
    """Also where a start has two points of one cluster, by its restarts or by the move of an empty one."""
    centres = torch.tensor([[0.0, 0], [50, 0], [0, 50], [50, 50]])
    x = torch.cat([centre + torch.randn(20, 2) for centre in centres])
    found, inertia = k_means(x, 4, restarts=8)
    near, _ = nearest(centres, found)
    assert sorted(near.tolist()) == [0, 1, 2, 3]
    assert float(inertia) == pytest.approx(float(nearest(x, found)[1].mean()))
    assert inertia < 5


def test_more_restarts_are_never_worse():
    x = torch.randn(80, 4)
    torch.manual_seed(2)
    alone = [k_means(x, 10, iterations=3)[1] for _ in range(4)]
    torch.manual_seed(2)
    assert k_means(x, 10, iterations=3, restarts=4)[1] == min(alone)


def test_an_empty_cluster_moves_to_what_is_farthest():
    """Two starts on one point: the second one, empty, must leave it."""
    x = torch.tensor([[0.0], [0.0], [10.0], [11.0]])
    for seed in range(8):
        torch.manual_seed(seed)
        found, inertia = k_means(x, 3, iterations=5)
        assert inertia == 0, (seed, found)


def test_as_many_clusters_as_vectors():
    x = torch.randn(5, 3)
    found, inertia = k_means(x, 5, iterations=2)
    torch.testing.assert_close(found.sort(0).values, x.sort(0).values)
    assert inertia.item() == pytest.approx(0, abs=1e-5)


def test_the_seed_decides():
    x = torch.randn(50, 3)
    torch.manual_seed(3)
    one = k_means(x, 6)[0]
    torch.manual_seed(3)
    assert torch.equal(k_means(x, 6)[0], one)
