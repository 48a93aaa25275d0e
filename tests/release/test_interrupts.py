"""Signals to work that is cleaned up after, and to work that is not to be interrupted."""

import os
import signal
import threading

import pytest

from hearth.release.interrupts import deferred, orderly


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_would_kill_ends_as_an_exception_does(number: signal.Signals) -> None:
    """With the exit code of a shell, after what was begun is cleaned up; outside, signals do what they did."""
    before, cleaned = signal.getsignal(number), False

    def work() -> None:
        nonlocal cleaned
        with orderly():
            try:
                os.kill(os.getpid(), number)
            finally:
                cleaned = True

    with pytest.raises(SystemExit) as end:
        work()

    assert (end.value.code, cleaned) == (128 + number, True)
    assert signal.getsignal(number) is before


def test_a_signal_waits_until_the_work_is_done() -> None:
    """It then comes at once."""
    done = False

    def work() -> None:
        nonlocal done
        with orderly(), deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            done = True

    with pytest.raises(SystemExit):
        work()

    assert done
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_ctrl_c_waits_too() -> None:
    """And is an interrupt afterwards, as ever."""
    done = False

    def work() -> None:
        nonlocal done
        with deferred():
            os.kill(os.getpid(), signal.SIGINT)
            done = True

    with pytest.raises(KeyboardInterrupt):
        work()

    assert done


def test_a_signal_waits_where_other_threads_could_take_it() -> None:
    """Libraries start threads; what the main one blocks would go to them."""
    done, ended = False, threading.Event()

    def work() -> None:
        nonlocal done
        with orderly(), deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            sum(range(100_000))  # long enough for Python to run a handler
            done = True

    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        with pytest.raises(SystemExit):
            work()
    finally:
        ended.set()
        other.join()

    assert done
