import pytest
import torch
import torch.nn.functional as F
from representations import DATA, corpus, seen

from ssrec.diagnostics.probes import Probes, asking, class_weights, probe
from ssrec.errors import CompositionError


def test_the_weights_are_those_of_ridge_regression():
    """Normal equations on the matrix of zeros and ones, the intercept not penalised."""
    x, labels, l2 = torch.randn(30, 4, dtype=torch.float64) + 2, torch.randint(0, 3, (30,)), 0.3
    design = torch.cat([x, torch.ones(30, 1)], dim=1)
    penalty = l2 * 30 * torch.diag(torch.tensor([1.0, 1, 1, 1, 0], dtype=torch.float64))
    expected = torch.linalg.solve(design.T @ design + penalty, design.T @ F.one_hot(labels).double())
    torch.testing.assert_close(class_weights(x, labels, l2), expected)


def test_what_is_there_is_found_and_what_is_not_is_not():
    labels = torch.randint(0, 4, (600,))
    told = 100 * (F.one_hot(labels, 4).float() @ torch.randn(4, 6) + 0.01 * torch.randn(600, 6))
    accuracy, majority = probe(told, labels, l2=0.01, share=0.8)
    assert accuracy > 0.99
    assert majority == pytest.approx(0.25, abs=0.1)
    accuracy, majority = probe(torch.randn(600, 6), labels, l2=0.01, share=0.8)
    assert accuracy == pytest.approx(0.25, abs=0.12), "it is judged on what it was fitted on"


def test_a_memory_of_rows_does_not_help():
    """As many dimensions as rows fit any labels; held-out rows know nothing of them."""
    accuracy, _ = probe(torch.eye(200), torch.arange(200) % 2, l2=1e-6, share=0.5)
    assert accuracy < 0.7


def test_constant_vectors_name_the_commonest_class():
    labels = (torch.arange(100) % 3 == 0).long()
    accuracy, majority = probe(torch.ones(100, 2), labels, l2=0.1, share=0.7)
    assert accuracy == majority > 0.5


def test_a_part_without_rows_says_nothing():
    assert all(v.isnan() for v in probe(torch.ones(1, 2), torch.zeros(1, dtype=torch.long), l2=0.1, share=0.7))


def test_users_are_asked_for_the_category_of_their_first_target():
    users = torch.arange(8.0).view(4, 2)
    x, labels = asking(seen(torch.randn(5, 2), users, [[6, 1], [], [2], [3, 4]]))  # item 6 counts, though not trained
    assert x.tolist() == users[[0, 2, 3]].tolist()
    assert labels.tolist() == [2, 1, 1]
    found = Probes(corpus(), DATA)(seen(torch.randn(5, 2), users, [[6, 1], [], [2], [3, 4]])).numbers
    assert set(found) == {"probe_items", "probe_items_majority", "probe_users", "probe_users_majority"}


def test_what_it_refuses():
    for wrong in ({"l2": 0.0}, {"share": 1.0}, {"share": 0.0}, {"sample": 1}):
        with pytest.raises(CompositionError):
            Probes(corpus(), DATA, **wrong)
