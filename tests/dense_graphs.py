"""Graphs as dense matrices, built one edge at a time: what sparse ones are held against."""

import torch


def adjacency(histories, item_rows):
    """Ones where a user met an item, and back; nodes are the user rows, then the item rows."""
    users = len(histories)
    a = torch.zeros(users + item_rows, users + item_rows)
    for user, row in enumerate(histories):
        for item in row:
            a[user, users + item] = a[users + item, user] = 1
    return a


def normalise(a):
    scale = a.sum(1).clamp(min=1).rsqrt()
    return scale[:, None] * a * scale


def dense(graph, weights=None):
    """The matrix of a graph's entries."""
    a = torch.zeros(graph.n_nodes, graph.n_nodes)
    weights = graph.weights if weights is None else weights
    for node in range(graph.n_nodes):
        for entry in range(int(graph.offsets[node]), int(graph.offsets[node + 1])):
            a[node, int(graph.neighbours[entry])] += weights[entry]
    return a
