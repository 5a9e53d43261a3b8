"""A setting of the C library: keep freed memory in the process."""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of two settings of `mallopt`; see `man 3 mallopt`."""

LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep freed memory in the process for the next batch. Gives True where the C library can do that.

    By default glibc gives every freed array of some megabytes back to the system, and the system zeroes new memory page
    by page. On two cores that took a fifth of the time of ResNet-50's eager forward pass. With this setting the process
    holds its peak memory until it ends. It holds for the whole process, so a program makes it (`robust` does), never a
    library function. Nothing changes where the user has set glibc's `MALLOC_` variables, or with another C library.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, LARGEST))
