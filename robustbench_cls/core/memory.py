"""What the C library does with memory that is freed."""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of `mallopt`; see `man 3 mallopt`."""

LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep freed memory in the process, for the next batch; True where that could be arranged.

    glibc gives every array of some megabytes back to the system and fetches it anew, zeroed page by page: on two cores
    a fifth of the time of ResNet-50's eager forward pass. The process then holds its peak until it ends. A setting of
    the whole process, so it is the program's to make (`robust` does) and not a library function's. Where the user has
    set glibc's `MALLOC_` variables, and in other C libraries, nothing is changed.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, LARGEST))
