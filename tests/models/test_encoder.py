"""The families of encodings: laziness, pooling, views, fp32 scores."""

import pytest
import torch

from ssrec.batch import PAD, Ragged
from ssrec.encodings.bag import BagEncoding, VariationalEncoding
from ssrec.encodings.encoding import FittedEncoding, Lazy
from ssrec.encodings.graph import GraphEncoding
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.errors import CompositionError

MASK = 10


def test_a_lazy_value_is_computed_once_under_the_grad_mode_of_its_construction():
    weight = torch.ones(3, requires_grad=True)
    calls = []
    value = Lazy(lambda: calls.append(1) or weight * 2)
    with torch.no_grad():
        assert value().requires_grad
        frozen = Lazy(lambda: weight * 2)
    assert value() is value() and len(calls) == 1
    assert not frozen().requires_grad


class Recorder:
    """An encoding whose hidden state is the id, so that reads can be told apart."""

    def __init__(self):
        self.passes = []

    def __call__(self, ids, causal, times):
        self.passes.append((ids, causal))
        return ids.unsqueeze(-1).repeat(1, 1, 2).float()


def sequence(batch, causal=True):
    encode = Recorder()
    items = Lazy(lambda: torch.arange(20.0).view(10, 2))
    return SequenceEncoding(batch, encode, items, mask=MASK, causal=causal, max_length=50), encode


def test_a_sequence_is_encoded_once_and_pooled_over_what_is_real(make_batch):
    encoding, encode = sequence(make_batch([[3, 5], [7]]))
    assert encoding.pool("last").tolist() == [[5, 5], [7, 7]]
    assert encoding.pool("mean").tolist() == [[4, 4], [7, 7]]
    assert torch.equal(encoding.users, encoding.pool("last"))
    assert len(encode.passes) == 1


def test_the_mean_of_an_empty_row_is_finite(make_batch):
    encoding, _ = sequence(make_batch([[3, 5], []]))
    assert encoding.pool("mean").tolist() == [[4, 4], [0, 0]]


def test_a_bidirectional_pass_reads_users_at_a_mask_token(make_batch):
    encoding, encode = sequence(make_batch([[3, 5], [7]]), causal=False)
    assert encoding.users.tolist() == [[MASK, MASK], [MASK, MASK]]
    ids, causal = encode.passes[-1]
    assert ids.tolist() == [[3, 5, MASK], [PAD, 7, MASK]] and causal is False


def test_a_view_is_a_new_pass_over_the_same_rows(make_batch):
    encoding, encode = sequence(make_batch([[3, 5], [7]]))
    view = encoding.view(torch.tensor([[5], [7]]), causal=False)
    assert view.batch is encoding.batch and view.items is encoding.items
    assert view.hidden.shape == (2, 1, 2) and not view.causal
    assert len(encode.passes) == 1


def test_what_objectives_share_is_made_once_under_the_grad_mode_of_the_encoding(make_batch):
    encoding, _ = sequence(make_batch([[3, 5], [7]]))
    weight, calls = torch.ones(3, requires_grad=True), []
    with torch.no_grad():
        first = encoding.once("a", lambda: calls.append(1) or weight * 2)
        other, _ = sequence(make_batch([[3]]))
        assert not other.once("a", lambda: weight * 2).requires_grad
    assert first.requires_grad and encoding.once("a", lambda: weight * 3) is first and len(calls) == 1
    assert encoding.once("b", lambda: 7) == 7


def test_a_graph_encoding_without_its_encoder_says_what_it_lacks(make_batch):
    nodes = Lazy(lambda: torch.zeros(17, 2))
    x = GraphEncoding(make_batch([[1]]), Lazy(lambda: [nodes()]), nodes, user_rows=7)
    for lacking in (lambda: x.graph, lambda: x.branches, lambda: x.view()):
        with pytest.raises(CompositionError, match="this GraphEncoding has no"):
            lacking()


def test_scores_are_fp32_dot_products_also_in_half_precision(make_batch):
    encoding, _ = sequence(make_batch([[3, 5], [7]]))
    expected = encoding.users @ encoding.items.T
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = encoding.scores()
    assert scores.dtype == torch.float32
    assert torch.equal(scores, expected)


def test_graph_bag_and_fitted_encodings_score_their_rows(make_batch):
    batch = make_batch([[3, 5], [7]])
    torch.manual_seed(0)
    nodes = torch.randn(7 + 10, 2)
    graph = GraphEncoding(batch, Lazy(lambda: [nodes]), Lazy(lambda: nodes), user_rows=7)
    torch.testing.assert_close(graph.scores(), nodes[1:3] @ nodes[7:].T)
    assert torch.equal(graph.nodes[graph.item_node(torch.tensor([4]))], graph.items[[4]])

    posterior = Lazy(lambda: (torch.ones(2, 2), torch.zeros(2, 2)))
    bag = Ragged(torch.tensor([3, 5, 7]), torch.tensor([0, 2, 3]))
    items = Lazy(lambda: nodes[7:])
    encoding = VariationalEncoding(batch, bag, posterior, lambda mean, variance: mean + variance, items)
    torch.testing.assert_close(encoding.scores(), nodes[7:].sum(1).repeat(2, 1))
    plain = BagEncoding(batch, bag, Lazy(lambda: torch.ones(2, 2)), items)
    torch.testing.assert_close(plain.scores(), encoding.scores())

    fitted = FittedEncoding(batch, lambda b: b.user.float().unsqueeze(-1).repeat(1, 10))
    assert fitted.scores()[:, 0].tolist() == [1, 2]
    assert fitted.item_vectors() is None


def test_an_unread_encoding_computes_nothing(make_batch):
    def forbidden():
        pytest.fail("computed")

    GraphEncoding(make_batch([[1]]), Lazy(forbidden), Lazy(forbidden), user_rows=7)
