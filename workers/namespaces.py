"""Namespaces of its own for a process: no process, shared memory or file but its own is there.

Root may make them with CAP_SYS_ADMIN, other users where the kernel gives them a user namespace.
"""

import ctypes
import os
import resource
import select
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from workers.compression.parent_death import signal_at_parents_death

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
MNT_DETACH = 2
SIGNALLED = 128
"""Added to a signal's number, an exit status that stands for the end by this signal."""

_libc = ctypes.CDLL(None, use_errno=True)


def available(visible: Iterable[Path], root: Path) -> bool:
    """Whether ``enter`` works here; tried in a process of its own, with the same arguments."""
    trial = os.fork()
    if trial == 0:
        status = 1
        try:
            os.close(2)
            enter(visible, root)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(trial, 0)[1] == 0


def enter(visible: Iterable[Path], root: Path) -> None:
    """Go on as a new process with its own processes and shared memory that sees only these paths.

    The paths keep their names; ``root`` is an empty folder, which becomes the root of the files.
    The calling process waits and ends as the new one does. Raises OSError.
    """
    _unshare()
    alive, held_open = os.pipe()
    init = os.fork()
    if init:
        _end_with(init)
    # Process 1 of the new namespace: when it ends, Linux ends all others there.
    os.close(held_open)
    signal_at_parents_death()
    if select.select([alive], [], [], 0)[0]:
        os._exit(1)  # the caller ended before its death could be signalled
    _change_root(visible, root)
    program = os.fork()
    if program:
        _end_with(program)
    os.close(alive)
    signal_at_parents_death()


def _unshare() -> None:
    wanted = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        _check(_libc.unshare(wanted))
        return
    _check(_libc.unshare(wanted | CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _change_root(visible: Iterable[Path], root: Path) -> None:
    """Make a root of the visible paths alone."""
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m")
    shown: list[Path] = []
    for path in sorted(visible):
        is_shown = any(path.is_relative_to(parent) for parent in shown)
        if not is_shown and path.exists():
            _bind(path, root)
            shown.append(path)
    _show_processes(root)
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."))
    _check(_libc.umount2(b".", MNT_DETACH))
    os.chdir("/")


def _bind(path: Path, root: Path) -> None:
    target = root / path.relative_to("/")
    if path.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(path, target, None, MS_BIND | MS_REC)


def _show_processes(root: Path) -> None:
    """Mount /proc of the new namespace; where a container forbids that, the old one."""
    proc = root / "proc"
    proc.mkdir()
    try:
        _mount("proc", proc, "proc", MS_NOSUID | MS_NODEV)
    except OSError:
        _mount("/proc", proc, None, MS_BIND | MS_REC)


def _end_with(process: int) -> NoReturn:
    """Wait for the process, collect those that it leaves behind, and end as it does."""
    # A signal to the whole group is meant for that process.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ended, status = 0, 0
    while ended != process:
        ended, status = os.wait()
    if os.WIFSIGNALED(status):
        os._exit(_kill_self(os.WTERMSIG(status)))
    code = os.WEXITSTATUS(status)
    if code > SIGNALLED:
        os._exit(_kill_self(code - SIGNALLED))
    os._exit(code)


def _kill_self(number: int) -> int:
    """End by the signal. Process 1 does not end by its own signals: its exit status tells it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return SIGNALLED + number


def _mount(
    source: Path | str, target: Path | str, kind: str | None, flags: int, options: str = ""
) -> None:
    encoded_kind = kind.encode() if kind else None
    done = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        encoded_kind,
        ctypes.c_ulong(flags),
        options.encode(),
    )
    _check(done)


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
