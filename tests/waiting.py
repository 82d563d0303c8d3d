"""Waiting for other processes and threads."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def eventually(
    condition: Callable[[], Any], seconds: float = 20.0, ignoring: tuple[type[Exception], ...] = ()
) -> Any:
    """The condition's first true value; AssertionError when none comes in time.

    Errors of the ``ignoring`` types count as not yet.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(*ignoring):
            if value := condition():
                return value
        threading.Event().wait(0.02)
    raise AssertionError(f"{condition} did not come true within {seconds} s")
