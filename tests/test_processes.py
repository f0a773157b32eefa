"""A function on fresh processes. They import this file, so it imports little."""

import json
import os
import time
from pathlib import Path

import pytest
import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from ssrec.errors import DataError
from ssrec.processes import run_on


def note(folder: str) -> None:
    told = {name: os.environ[name] for name in ("MASTER_ADDR", "MASTER_PORT")}
    Path(folder, os.environ["LOCAL_RANK"]).write_text(json.dumps(told | {"threads": torch.get_num_threads()}))


def fail(error: Exception) -> None:
    if os.environ["LOCAL_RANK"] == "1":
        raise error
    time.sleep(600)  # as a process waits for another one


def test_every_process_knows_its_rank_and_has_its_share_of_threads(tmp_path):
    torch.set_num_threads(4)
    run_on(2, note, str(tmp_path))
    first, second = (json.loads((tmp_path / rank).read_text()) for rank in "01")
    assert first == second
    assert first["threads"] == 2
    assert "LOCAL_RANK" not in os.environ


def test_what_a_process_refuses_comes_out_as_it_was_raised():
    with pytest.raises(DataError, match=r"^this file is broken$") as caught:
        run_on(2, fail, DataError("this file is broken"))
    assert type(caught.value) is DataError


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ProcessRaisedException, match=r"in fail(.|\n)*ZeroDivisionError: a bug"):
        run_on(2, fail, ZeroDivisionError("a bug"))
