"""Graphs against dense matrices: what is normalised, dropped, multiplied, and refused."""

from dataclasses import fields

import pytest
import torch
from dense_graphs import adjacency, dense, normalise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from ssrec.batch import Corpus
from ssrec.errors import CompositionError, DataError
from ssrec.graphs import Graph, undirected, user_item_graph

NODES = 7
PAIRS = [(a, b) for a in range(NODES) for b in range(a)]
edges = st.sets(st.sampled_from(PAIRS)).flatmap(lambda s: st.permutations(sorted(s)))


def graph_of(pairs) -> Graph:
    ends = torch.tensor(pairs, dtype=torch.long).view(-1, 2)
    return undirected(ends[:, 0], ends[:, 1], NODES)


def matrix_of(pairs):
    a = torch.zeros(NODES, NODES)
    for first, second in pairs:
        a[first, second] = a[second, first] = 1
    return normalise(a)


def product(matrix, graph):
    """Both products with the same vectors, and the gradients of both for the same upstream."""
    x = torch.randn(graph.n_nodes, 3)
    upstream = torch.randn(3, graph.n_nodes).T  # not contiguous
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, z = graph @ ours, matrix @ theirs
    y.backward(upstream)
    z.backward(upstream)
    return (y, ours.grad), (z, theirs.grad)


@settings(max_examples=50, deadline=None)
@given(edges)
def test_the_graph_of_edges_is_the_normalised_matrix(pairs):
    torch.manual_seed(0)
    graph, matrix = graph_of(pairs), matrix_of(pairs)
    assert graph.symmetric and graph.n_nodes == NODES and graph.n_edges == len(pairs)
    assert_close(dense(graph), matrix)
    for ours, theirs in zip(*product(matrix, graph), strict=True):
        assert_close(ours, theirs)


@settings(max_examples=50, deadline=None)
@given(edges)
def test_edges_and_mates_are_those_of_the_entries(pairs):
    graph = graph_of(pairs)
    for entry in range(2 * len(pairs)):
        here = int(graph.rows[entry]), int(graph.neighbours[entry])
        mate = int(graph.mate[entry])
        assert here in (pairs[graph.edge[entry]], pairs[graph.edge[entry]][::-1])
        assert (int(graph.neighbours[mate]), int(graph.rows[mate])) == here and graph.edge[mate] == graph.edge[entry]


@settings(max_examples=50, deadline=None)
@given(edges, st.data())
def test_what_is_left_of_edges_is_the_graph_of_them_alone(pairs, data):
    kept = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs))), dtype=torch.bool)
    graph = graph_of(pairs).keep_edges(kept)
    assert graph.symmetric
    left = [pair for pair, stays in zip(pairs, kept, strict=True) if stays]
    assert_close(dense(graph), matrix_of(left))
    again = torch.rand(len(pairs)) < 0.5  # by the same ids
    left = [pair for pair, stays in zip(pairs, kept & again, strict=True) if stays]
    assert_close(dense(graph.keep_edges(again)), matrix_of(left))


@settings(max_examples=50, deadline=None)
@given(edges, st.lists(st.booleans(), min_size=NODES, max_size=NODES))
def test_what_is_left_of_nodes_is_the_graph_between_them(pairs, kept):
    graph = graph_of(pairs).keep_nodes(torch.tensor(kept))
    assert_close(dense(graph), matrix_of([(a, b) for a, b in pairs if kept[a] and kept[b]]))


def test_other_weights_go_through_the_transpose_of_their_matrix():
    torch.manual_seed(0)
    graph = graph_of(PAIRS[::2])
    weights = torch.rand(len(graph.weights)) * (torch.rand(len(graph.weights)) < 0.7)
    other = graph.reweighed(weights)
    assert not other.symmetric
    matrix = dense(graph, weights)
    assert not torch.equal(matrix, matrix.T)
    for ours, theirs in zip(*product(matrix, other), strict=True):
        assert_close(ours, theirs)


def test_weights_that_are_not_symmetric_are_refused_where_they_are_said_to_be():
    graph = graph_of(PAIRS[::2])
    draw = torch.arange(graph.n_edges).float()
    symmetric = graph.reweighed(draw[graph.edge], symmetric=True)
    assert symmetric.symmetric
    assert_close(dense(symmetric), dense(symmetric).T)
    lopsided = draw[graph.edge]
    lopsided[[3, 8]] += 1
    with pytest.raises(CompositionError, match="differ between the two directions of 2 edges"):
        graph.reweighed(lopsided, symmetric=True)
    with pytest.raises(CompositionError, match="symmetric graph"):
        graph.reweighed(lopsided).keep_edges(torch.ones(graph.n_edges, dtype=torch.bool))
    with pytest.raises(CompositionError, match="no gradient"):
        graph.reweighed(graph.weights.clone().requires_grad_())


@pytest.mark.parametrize("pairs", [[(1, 1)], [(1, 2), (3, 0), (1, 2)], [(1, 2), (2, 1)]])
def test_loops_and_repeats_are_refused(pairs):
    with pytest.raises(DataError, match="each stands once"):
        graph_of(pairs)


def test_a_graph_moves_with_all_it_has():
    graph = graph_of(PAIRS).reweighed(torch.rand(2 * len(PAIRS)))
    moved = graph.to("meta")
    held = [getattr(moved, field.name) for field in fields(moved)]
    assert len(held) == 6 and {tensor.device.type for tensor in held} == {"meta"}
    assert graph_of(PAIRS).to("meta").symmetric


def test_the_graph_of_users_and_items_counts_a_pair_once():
    histories = [[], [1, 2, 3, 2], [2, 3], [], [3, 4]]
    items = torch.tensor([i for row in histories for i in row])
    offsets = torch.tensor([0, 0, 4, 6, 6, 8])
    graph = user_item_graph(Corpus(items, offsets, n_users=4, n_items=5))
    assert_close(dense(graph), normalise(adjacency(histories, 6)))
    assert graph.n_edges == 7
