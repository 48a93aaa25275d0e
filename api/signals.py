"""What signals do while nothing takes care of them: before the service is started, and after it is stopped."""

import signal
import sys
import threading
from types import FrameType


def end_well() -> None:
    """From now on SIGTERM and SIGINT end this process with exit code 0, and SIGHUP does nothing: by default all three kill it.

    As the first process of a container it would not even see SIGTERM. Whoever serves puts handlers of its own in their place.
    Nothing changes in another thread than the main one, which cannot say what signals do.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
