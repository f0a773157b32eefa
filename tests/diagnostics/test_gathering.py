import torch

from ssrec.batch import Batch
from ssrec.diagnostics.gathering import Gathering


def batch(rows: list[int], target: list[list[int]]) -> Batch:
    row = torch.tensor(rows)
    return Batch(row, torch.zeros_like(row), row.new_zeros(len(row), 0), torch.tensor(target))


def test_rows_come_in_the_order_of_the_split_with_their_targets():
    gathering = Gathering()
    gathering.add(batch([4, 1], [[7, 8, 0], [0, 0, 0]]), {"": torch.tensor([[4.0], [1.0]])})
    gathering.add(batch([0, 3], [[5], [6]]), {"": torch.tensor([[0.0], [3.0]])})
    vectors, target = gathering.result()
    assert vectors[""].tolist() == [[0], [1], [3], [4]]
    assert target.lengths.tolist() == [1, 0, 1, 2]
    assert target.values.tolist() == [5, 6, 7, 8]


def test_of_no_rows_there_is_nothing():
    vectors, target = Gathering().result()
    assert vectors == {} and len(target) == 0
