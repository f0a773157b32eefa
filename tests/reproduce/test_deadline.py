"""Work is stopped where it is, also if something on the way swallows the first call."""

import multiprocessing
import signal
import time

import pytest

from ssrec.errors import UserError
from ssrec.reproduce import deadline
from ssrec.reproduce.deadline import Deadline, Stopped


def endless():
    while True:
        time.sleep(0.001)


def test_work_is_stopped_and_the_alarm_is_put_back():
    before = signal.getsignal(signal.SIGALRM)
    started = time.monotonic()
    with pytest.raises(Stopped), Deadline(0.2 / 60).watched():
        endless()
    assert 0.19 < time.monotonic() - started < 10
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_it_is_no_error_that_something_on_the_way_could_take_for_one():
    with pytest.raises(Stopped), Deadline(0.1 / 60).watched():
        try:
            endless()
        except Exception:
            pytest.fail("swallowed")


def test_it_rings_again(monkeypatch):
    monkeypatch.setattr(deadline, "AGAIN", 0.05)
    with pytest.raises(Stopped), Deadline(0.05 / 60).watched():
        try:
            endless()
        except Stopped:  # as Python does with what is raised while it collects garbage
            endless()


def test_work_that_ends_in_time_is_left_alone():
    end = Deadline(5.0)
    with end.watched():
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    with Deadline(None).watched():
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_nothing_starts_when_the_time_is_up():
    with pytest.raises(Stopped), Deadline(0.0).watched():
        pytest.fail("started")


def test_time_counts_from_when_the_command_was_given():
    with pytest.raises(Stopped), Deadline(1.0, started=time.monotonic() - 61).watched():
        pytest.fail("started")


def test_processes_of_the_work_end_with_it():
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    with pytest.raises(Stopped), Deadline(0.3 / 60).watched():
        process.start()
        process.join()
    assert not process.is_alive()


@pytest.mark.parametrize("minutes", [-1.0, float("nan")])
def test_minutes_are_not_below_0(minutes):
    with pytest.raises(UserError, match="--max-minutes is"):
        Deadline(minutes)
