"""Seccomp: which system calls this process and its children may no longer make (EPERM instead)."""

import errno
import os
from typing import Any

NETWORK = ("socket", "connect", "bind", "listen", "accept", "accept4")
OTHER_PROCESSES = (
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "kcmp",
    "process_madvise",
)
LEAVING_THE_GROUP = ("setsid", "setpgid")
NAMESPACES_AND_MOUNTS = (
    *(
        "unshare",
        "setns",
        "chroot",
        "pivot_root",
        "mount",
        "umount2",
        "move_mount",
        "mount_setattr",
    ),
    *(
        "open_tree",
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "open_by_handle_at",
        "quotactl",
        "swapon",
        "swapoff",
    ),
)
KERNEL = (
    *("bpf", "perf_event_open", "userfaultfd", "fanotify_init", "io_uring_setup", "io_uring_enter"),
    *(
        "io_uring_register",
        "keyctl",
        "add_key",
        "request_key",
        "kexec_load",
        "kexec_file_load",
        "init_module",
    ),
    *(
        "finit_module",
        "delete_module",
        "reboot",
        "acct",
        "syslog",
        "settimeofday",
        "clock_settime",
        "adjtimex",
    ),
    *(
        "clock_adjtime",
        "sethostname",
        "setdomainname",
        "iopl",
        "ioperm",
        "modify_ldt",
        "vhangup",
        "personality",
    ),
)
DENIED = NETWORK + OTHER_PROCESSES + LEAVING_THE_GROUP + NAMESPACES_AND_MOUNTS + KERNEL

# All CLONE_NEW* flags of clone(2): each would open a new namespace.
CLONE_NEW = 0x7E020000
AF_UNIX = 1
ANY_BUT_SOCK_STREAM = (0b10, 0b100)
# Types what another process reads from the same terminal.
TIOCSTI = 0x5412
UNKNOWN_TO_LIBSECCOMP = -1


def available() -> bool:
    """Whether libseccomp is there; the kernel has had seccomp filters since 3.5."""
    try:
        import pyseccomp  # noqa: F401
    except (ImportError, RuntimeError, OSError, AttributeError):
        return False
    return True


def restrict(signals_are_scoped: bool) -> None:
    """Deny the network, other processes, namespaces and the kernel's rarer doors, for good.

    Where Landlock cannot scope signals, this process and its children may signal themselves only.
    Raises OSError.
    """
    import pyseccomp as seccomp

    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    for name in DENIED:
        _deny(rules, seccomp, name)
    _deny_arguments(rules, seccomp)
    # The flags of clone3 lie behind a pointer that no filter can follow; without it libc falls back
    # to clone.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    if not signals_are_scoped:
        for name in ("kill", "tgkill"):
            rules.add_rule(
                seccomp.ERRNO(errno.EPERM), name, seccomp.Arg(0, seccomp.NE, os.getpid())
            )
        for name in ("tkill", "rt_sigqueueinfo", "pidfd_send_signal"):
            _deny(rules, seccomp, name)
    rules.load()


def _deny(rules: Any, seccomp: Any, name: str, *arguments: Any) -> None:
    if seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) != UNKNOWN_TO_LIBSECCOMP:
        rules.add_rule(seccomp.ERRNO(errno.EPERM), name, *arguments)


def _deny_arguments(rules: Any, seccomp: Any) -> None:
    for bit in (1 << n for n in range(32) if CLONE_NEW >> n & 1):
        _deny(rules, seccomp, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, bit, bit))
    _deny(rules, seccomp, "socketpair", seccomp.Arg(0, seccomp.NE, AF_UNIX))
    # A datagram pair could still send to any named socket; a connected stream cannot.
    for bit in ANY_BUT_SOCK_STREAM:
        _deny(rules, seccomp, "socketpair", seccomp.Arg(1, seccomp.MASKED_EQ, bit, bit))
    _deny(rules, seccomp, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, TIOCSTI))
