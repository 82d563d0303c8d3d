"""A killed engine must not leave a process of its own behind."""

import ctypes
import signal
import sys


def die_with_parent() -> None:
    """SIGKILL at the parent's death (PR_SET_PDEATHSIG, Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
