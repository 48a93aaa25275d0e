"""What a worker keeps of the machine's memory."""

import ctypes
import gc
from contextlib import suppress

_M_ARENA_MAX = -8  # mallopt(3)


def one_arena() -> None:
    """Have all threads share one arena of the C library: with one each, what every thread once freed stays with it."""
    with suppress(OSError, AttributeError):  # a C library without it
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def settle() -> None:
    """What is loaded stays, so collections need not look at it again; what loading took goes back to the system."""
    gc.collect()
    gc.freeze()
    release()


def release() -> None:
    """What was taken for a while goes back to the system, which the C library by itself leaves to chance."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
