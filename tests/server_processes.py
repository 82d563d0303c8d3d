"""Starts server processes of pip packages for tests; they die with this process."""

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

DEADLINE_SECONDS = 30.0
PR_SET_PDEATHSIG = 1


def program(name: str) -> Path:
    return Path(sysconfig.get_path("scripts")) / name


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="l2c-server-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    folder: Path,
    probe: Callable[[], object],
    user: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """The command in the background, from its first answer to ``probe`` until the block ends."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            user=user,
            group=user,
            preexec_fn=_die_with_parent,
        )
    try:
        _wait_for(probe, process, log)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for(probe: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    pause, tries = 0.05, int(DEADLINE_SECONDS / 0.05)
    for _ in range(tries):
        try:
            probe()
            return
        except Exception as error:
            problem = error
        if process.poll() is not None:
            break
        threading.Event().wait(pause)
    tail = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} did not start on {sys.platform}: {problem!r}\n{tail}")
