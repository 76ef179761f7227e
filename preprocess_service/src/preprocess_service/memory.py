"""One pool of freed memory for all threads.

glibc gives each thread a pool of its own, in which a volume that one worker has freed is of no use to the next; the
service then settles at seven times a volume in place of five.
"""

from __future__ import annotations

import ctypes
import sys

# Parameter of mallopt(3), from glibc's malloc.h.
_M_ARENA_MAX = -8


def share_freed_memory() -> bool:
    """Call it before the first thread starts. Returns whether the C library took the setting; only glibc knows it."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    return hasattr(libc, "gnu_get_libc_version") and bool(libc.mallopt(_M_ARENA_MAX, 1))
