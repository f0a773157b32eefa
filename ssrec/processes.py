"""A run on several processes of this machine: every one of them runs the same function from its start to its end.

Lightning's own launchers do not fit: `ddp` starts the user's script anew, which under a sweep is the whole sweep, and
`ddp_spawn` starts processes for every fit, validation and test, each with its own logger, whose state is then lost.
"""

import logging
import os
import socket
from collections.abc import Callable
from typing import Any

import torch
from torch import multiprocessing as mp
from torch.multiprocessing.spawn import ProcessRaisedException

from ssrec.errors import UserError

# It would report on stderr that it ends the other processes of a run that failed.
logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)


def run_on(n: int, work: Callable[..., None], *args: Any) -> None:
    """`work(*args)` in n fresh processes, which Lightning takes for those of its strategy; returns when all have ended.

    Processes share this one's threads. `work` is a function of a module, and a script that comes here asks for
    `if __name__ == "__main__"`, because fresh processes import it.

    Raises:
        UserError: as one of them raised it, whichever process was the first to end.
    """
    refusals = mp.get_context("spawn").SimpleQueue()
    threads = max(1, torch.get_num_threads() // n)
    # Else every process says at length that it looked for unused parameters, which may come, and found none.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    try:
        mp.spawn(_process, (_free_port(), threads, refusals, work, args), nprocs=n)  # pyright: ignore[reportPrivateImportUsage]
    except ProcessRaisedException:
        if refusals.empty():
            raise
        raise refusals.get() from None


def _process(rank: int, port: int, threads: int, refusals: Any, work: Callable[..., None], args: tuple) -> None:
    os.environ.update({"LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)})
    torch.set_num_threads(threads)
    try:
        work(*args)
    except UserError as error:
        refusals.put(error)
        raise


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
