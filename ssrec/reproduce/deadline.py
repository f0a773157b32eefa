"""A time by which work is to stop, wherever it is: what trains goes on later from its last checkpoint."""

import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

from ssrec.errors import UserError

AGAIN = 5.0  # seconds: Python swallows what is raised while it collects garbage


class Stopped(BaseException):
    """The time is up; no error, so that nothing on the way takes it for one."""


@final
class Deadline:
    """So many minutes from `started` on, a time of `time.monotonic`; None: there is no end.

    Raises:
        UserError: minutes below 0, or a system without such a clock.
    """

    def __init__(self, minutes: float | None, started: float | None = None):
        if minutes is not None and not minutes >= 0:
            raise UserError(f"--max-minutes is {minutes:g}; it takes minutes from 0")
        if minutes is not None and not hasattr(signal, "setitimer"):
            raise UserError("--max-minutes needs an alarm clock that this system does not have; stop it by hand")
        now = time.monotonic() if started is None else started
        self._end = None if minutes is None else now + 60 * minutes

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Work that ends at the deadline; other threads than the main one cannot be stopped.

        Raises:
            Stopped: at the deadline, out of whatever the work is doing.
        """
        if self._end is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        left = self._end - time.monotonic()
        if left <= 0:
            raise Stopped
        before = signal.signal(signal.SIGALRM, _ring)
        try:
            signal.setitimer(signal.ITIMER_REAL, left, AGAIN)
            yield
        except Stopped:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for process in multiprocessing.active_children():  # of a run on several processes
                process.kill()
                process.join()
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def _ring(number: int, frame: Any) -> None:
    raise Stopped
