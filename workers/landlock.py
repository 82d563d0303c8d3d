"""Landlock by system call (Linux 5.13): which files this process and its children may use."""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

# Numbers of system calls, the same on every architecture (landlock_create_ruleset(2)).
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
# Every right that a kernel of this Landlock version can handle; what is handled is denied.
ALL_SINCE_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
BIND_AND_CONNECT_TCP = 0b11
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11
ABI_WITH_NETWORK, ABI_WITH_SCOPES = 4, 6

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("access_fs", ctypes.c_uint64),
        ("access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """The kernel's Landlock version; 0 where it has none or it is switched off."""
    return max(
        0, int(_libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), CREATE_RULESET_VERSION))
    )


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Allow reading and executing ``readable``, everything in ``writable``, and nothing else.

    This cannot be undone. Paths that do not exist are left out. Where the kernel can, TCP, abstract
    sockets and signals to processes outside are denied, too. Raises OSError.
    """
    version = abi()
    handled = next(
        rights for since, rights in sorted(ALL_SINCE_ABI.items(), reverse=True) if since <= version
    )
    net = BIND_AND_CONNECT_TCP * (version >= ABI_WITH_NETWORK)
    scoped = ABSTRACT_SOCKETS_AND_SIGNALS * (version >= ABI_WITH_SCOPES)
    rules = _Ruleset(handled, net, scoped)
    ruleset = _call(
        CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(_size_known_to(version)), 0
    )
    try:
        for path in readable:
            _allow(ruleset, path, READ & handled)
        for path in writable:
            _allow(ruleset, path, handled)
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no_new_privs")
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _size_known_to(version: int) -> int:
    """Older kernels refuse a struct that is longer than theirs."""
    if version < ABI_WITH_NETWORK:
        return 8
    if version < ABI_WITH_SCOPES:
        return 16
    return 24


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= OF_FILES
        rule = _PathBeneath(rights, parent)
        _call(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"landlock: {os.strerror(code)}")
    return result
