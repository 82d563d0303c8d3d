"""End a process when the process that started it ends."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1


def signal_at_parents_death(number: signal.Signals = signal.SIGKILL) -> None:
    """Let Linux send ``number`` to this process when its parent's thread ends (prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
