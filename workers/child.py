"""A running child process: its lines, the end of its stderr, and the end of its process group."""

import contextlib
import os
import queue
import select
import signal
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from typing import IO

from workers.child_messages import LONGEST_LINE

GRACE_SECONDS = 1.0
TAIL_CHUNKS, CHUNK = 4, 4096
MOST_WAITING_LINES = 1000


class Child:
    """Wraps a process that leads its own group.

    Threads read its pipes, so that the process never waits for its reader.
    """

    def __init__(self, process: subprocess.Popen[bytes]):
        self.process = process
        self._exit = os.pidfd_open(process.pid)
        weakref.finalize(self, os.close, self._exit)
        self._lines: queue.Queue[bytes | None] = queue.Queue(MOST_WAITING_LINES)
        self._tail: deque[bytes] = deque(maxlen=TAIL_CHUNKS)
        self._ending, self._ended = threading.Lock(), False
        self._readers = [
            threading.Thread(target=self._read_lines, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._read_tail, args=(process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def lines(self, tick_seconds: float) -> Iterator[bytes | None]:
        """Every line until stdout ends; None after each tick without one."""
        while True:
            try:
                line = self._lines.get(timeout=tick_seconds)
            except queue.Empty:
                if self._exited():
                    self.end()  # a process that it started may hold the pipe open
                yield None
                continue
            if line is None:
                return
            yield line

    def tail(self) -> str:
        """The end of what the child wrote to stderr."""
        return b"".join(self._tail).decode(errors="replace")

    def end(self, grace_seconds: float = GRACE_SECONDS) -> int:
        """End the whole group: SIGTERM, SIGKILL after the grace time. Returns the exit status."""
        with self._ending:
            if self.process.returncode is None:
                self._signal(signal.SIGTERM)
                self._exited(grace_seconds)
                # The child is not reaped yet, so the group's number cannot belong to others.
                self._signal(signal.SIGKILL)
                self.process.wait()
            self._ended = True
            return self.process.returncode

    def wait(self, seconds: float) -> int:
        """The exit status after stdout has ended; a child that stays on longer is ended."""
        self._exited(seconds)
        return self.end()

    def _exited(self, seconds: float = 0) -> bool:
        """Whether the child exits within that time; it is not reaped."""
        waiting = select.poll()
        waiting.register(self._exit, select.POLLIN)
        return bool(waiting.poll(1000 * seconds))

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _read_lines(self, pipe: IO[bytes]) -> None:
        whole = True
        while line := pipe.readline(LONGEST_LINE):
            ends = line.endswith(b"\n")
            if whole and ends:
                self._put(line)
            whole = ends
        self._put(None)

    def _put(self, line: bytes | None) -> None:
        """Wait for a slow reader, but not for one that has ended the child."""
        while True:
            try:
                return self._lines.put(line, timeout=1)
            except queue.Full:
                if self._ended:
                    return

    def _read_tail(self, pipe: IO[bytes]) -> None:
        while chunk := os.read(pipe.fileno(), CHUNK):
            self._tail.append(chunk)
