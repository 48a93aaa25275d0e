"""How many connections and files a worker may have open."""

import resource
from contextlib import suppress


def all_allowed() -> None:
    """As many as the system allows this process: with the 1024 that a shell gives, so many idle clients keep new ones out."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # a system that calls unlimited what it does not give
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
