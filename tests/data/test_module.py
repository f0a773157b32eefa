"""Loaders: one plan for all processes, shares that add up, evaluation without padding."""

from types import SimpleNamespace

import torch

from ssrec.batch import PAD
from ssrec.data.module import DataModule


def module(world, rank=0, of=1, epoch=0, **settings):
    given = {"rows": "window", "max_length": 10, "batching": "length", "batch_size": 16, "seed": 1, **settings}
    data = DataModule(world, **given)
    data.trainer = SimpleNamespace(global_rank=rank, world_size=of, current_epoch=epoch)  # type: ignore[assignment]
    return data


def test_an_epoch_asks_for_every_training_target_once(world):
    data = module(world)
    batches = list(data.train_dataloader())
    assert sorted(torch.cat([b.rows for b in batches]).tolist()) == list(range(len(data.rows)))
    history = world.corpus.history.lengths
    assert sum(b.n_targets for b in batches) == int((history - 1).clamp(min=0).sum())
    assert sum(int((b.labels != PAD).sum()) for b in batches) == sum(b.n_targets for b in batches)


def test_epochs_differ_and_repeat_themselves(world):
    orders = [[b.rows.tolist() for b in module(world, epoch=e).train_dataloader()] for e in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert orders[0] != [b.rows.tolist() for b in module(world, seed=2).train_dataloader()]


def test_two_processes_share_each_global_batch(world):
    whole = list(module(world).train_dataloader())
    shares = [list(module(world, rank, 2).train_dataloader()) for rank in (0, 1)]
    assert len(whole) == len(shares[0]) == len(shares[1])
    for batch, first, second in zip(whole, *shares, strict=True):
        assert sorted([*first.rows.tolist(), *second.rows.tolist()]) == sorted(batch.rows.tolist())
        assert min(len(first), len(second)) > 0
        assert batch.n_targets == first.n_targets == second.n_targets, "a budget counts the global batch"


def test_every_held_out_row_is_ranked_once_whatever_the_number_of_processes(world):
    for loader in ("val_dataloader", "test_dataloader"):
        rows = [b.rows for rank in range(3) for b in getattr(module(world, rank, 3), loader)()]
        held = world.val if loader.startswith("val") else world.test
        assert sorted(torch.cat(rows).tolist()) == list(range(len(held)))


def test_held_out_rows_read_the_truncated_past_and_keep_the_full_one_out(world):
    for batch in module(world, max_length=3).test_dataloader():
        assert batch.items.shape[1] == 3
        assert batch.seen is not None
        for row, seen in enumerate(batch.rows.tolist()):
            full = world.test.past.values[world.test.past.offsets[seen] : world.test.past.offsets[seen + 1]]
            a, b = batch.seen.offsets[row : row + 2].tolist()
            assert torch.equal(batch.seen.values[a:b], full)
            assert [i for i in batch.items[row].tolist() if i != PAD] == full[-3:].tolist()
            assert batch.target[row, 0] not in full
