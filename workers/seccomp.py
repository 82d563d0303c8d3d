"""Seccomp: which system calls this process and its children may no longer make (EPERM instead)."""

import errno
import os
from typing import Any

# fmt: off
NETWORK = ("socket", "connect", "bind", "listen", "accept", "accept4")
OTHER_PROCESSES = (
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise",
    "process_mrelease", "migrate_pages", "move_pages",
)
LEAVING_THE_GROUP = ("setsid", "setpgid")
NAMESPACES_AND_MOUNTS = (
    "unshare", "setns", "chroot", "pivot_root", "mount", "umount2", "move_mount", "mount_setattr",
    "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick", "name_to_handle_at",
    "open_by_handle_at", "quotactl", "quotactl_fd", "swapon", "swapoff",
)
KERNEL = (
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "keyctl", "add_key", "request_key", "kexec_load", "kexec_file_load",
    "init_module", "finit_module", "delete_module", "reboot", "acct", "syslog", "settimeofday",
    "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "iopl", "ioperm",
    "modify_ldt", "vhangup", "personality",
)
# Landlock covers none of these: they change or watch every file of the same user.
METADATA = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
    "utime", "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr",
    "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "file_setattr",
    "truncate", "inotify_init", "inotify_init1", "inotify_add_watch", "fanotify_init",
    "fanotify_mark",
)
# Shared with every process of the same user, and not counted by RLIMIT_AS.
SHARED_MEMORY = (
    "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semtimedop", "semctl", "msgget",
    "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "memfd_create", "memfd_secret",
)
# fmt: on
DENIED = (
    NETWORK
    + OTHER_PROCESSES
    + LEAVING_THE_GROUP
    + NAMESPACES_AND_MOUNTS
    + KERNEL
    + METADATA
    + SHARED_MEMORY
)
NEWER_THAN_LIBSECCOMP = {
    "setxattrat": 463,
    "removexattrat": 466,
    "open_tree_attr": 467,
    "file_setattr": 469,
    "fchmodat2": 452,
}
"""Numbers of system calls, the same on every architecture, which older libraries cannot name."""

OF_ITSELF_ONLY = {
    "prlimit64": {0: 0},
    "setpriority": {0: 0, 1: 0},
    "ioprio_set": {0: 1, 1: 0},
    "sched_setaffinity": {0: 0},
    "sched_setattr": {0: 0},
    "sched_setparam": {0: 0},
    "sched_setscheduler": {0: 0},
}
"""Calls about any process of the same user, and the arguments with which they mean the caller."""
COMMANDS = {
    # Watching folders, and leases that make other processes wait when they open a file.
    "fcntl": (1024, 1026),
    # What another process reads from the same terminal, and attributes of files.
    "ioctl": (0x5412, 0x40086602, 0x40046602, 0x401C5820, 0x40087602, 0x40047602),
}
"""Denied commands in the second argument: F_SETLEASE, F_NOTIFY; TIOCSTI, FS_IOC_SETFLAGS, ..."""

# All CLONE_NEW* flags of clone(2): each would open a new namespace.
CLONE_NEW = 0x7E020000
AF_UNIX = 1
ANY_BUT_SOCK_STREAM = (0b10, 0b100)
CLONE_PARENT = 0x8000
UNKNOWN_TO_LIBSECCOMP = -1


def available() -> bool:
    """Whether libseccomp is there; the kernel has had seccomp filters since 3.5."""
    try:
        import pyseccomp  # noqa: F401
    except (ImportError, RuntimeError, OSError, AttributeError):
        return False
    return True


def restrict(signals_are_scoped: bool) -> None:
    """Deny the network, other processes, metadata of files, namespaces and rare calls, for good.

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
    number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
    if number == UNKNOWN_TO_LIBSECCOMP:
        number = NEWER_THAN_LIBSECCOMP.get(name, UNKNOWN_TO_LIBSECCOMP)
    if number >= 0:
        rules.add_rule(seccomp.ERRNO(errno.EPERM), number, *arguments)


def _deny_arguments(rules: Any, seccomp: Any) -> None:
    for bit in (1 << n for n in range(32) if (CLONE_NEW | CLONE_PARENT) >> n & 1):
        _deny(rules, seccomp, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, bit, bit))
    _deny(rules, seccomp, "socketpair", seccomp.Arg(0, seccomp.NE, AF_UNIX))
    # A datagram pair could still send to any named socket; a connected stream cannot.
    for bit in ANY_BUT_SOCK_STREAM:
        _deny(rules, seccomp, "socketpair", seccomp.Arg(1, seccomp.MASKED_EQ, bit, bit))
    for name, commands in COMMANDS.items():
        for command in commands:
            _deny(rules, seccomp, name, seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, command))
    for name, arguments in OF_ITSELF_ONLY.items():
        for place, value in arguments.items():
            _deny(rules, seccomp, name, seccomp.Arg(place, seccomp.NE, value))
