"""Keeping freed memory in the process.

glibc hands every large tensor back to the kernel when it is freed and faults it in anew, page by page, at the next
allocation. On virtual machines that costs several times the arithmetic of a network's small layers.
"""

import ctypes
import sys

# Parameters of mallopt(3), from glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Makes malloc reuse large blocks instead of returning them to the kernel; the process keeps its peak size.

    Call it once, before the first tensor.

    Returns:
        Whether the C library took the settings; only glibc knows them.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    return bool(libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT))
