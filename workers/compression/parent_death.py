"""Processes that must not outlive who started them."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1


def signal_at_parents_death(number: signal.Signals = signal.SIGKILL) -> None:
    """Have Linux send this process ``number`` when its parent's thread ends, however that ends
    (prctl(2)).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
