"""What a worker keeps of the machine's memory."""

import ctypes
import gc
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # mallopt(3)
# A batch takes some megabytes again and again: below these sizes it gets them without the system, which would clear each page.
_KEPT, _APART = 16 << 20, 4 << 20


def one_arena() -> None:
    """Have all threads share one arena of the C library: with one each, what every thread once freed stays with it.

    Before there are threads: one that has an arena of its own by then would share that with the others.
    """
    with suppress(OSError, AttributeError):  # a C library without it
        set_option = ctypes.CDLL(None).mallopt
        for option, value in ((_M_ARENA_MAX, 1), (_M_TRIM_THRESHOLD, _KEPT), (_M_MMAP_THRESHOLD, _APART)):
            set_option(option, value)


def settle() -> None:
    """What is loaded stays, so collections need not look at it again; what loading took goes back to the system."""
    gc.collect()
    gc.freeze()
    release()


def release() -> None:
    """What was taken for a while goes back to the system, which the C library by itself leaves to chance."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
