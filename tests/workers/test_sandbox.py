"""Hostile code inside the sandbox, run for real: what it can reach, and that TensorFlow does not
notice.
"""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.contract.settings import MIB
from workers import sandbox

LIMITS = sandbox.Limits(memory=16 * 1024 * MIB, file_size=64 * MIB, uid=60001)
# In namespaces of its own, the others are not there at all.
REFUSED = ("PermissionError", "OSError", "MemoryError", "FileNotFoundError", "ProcessLookupError")
ATTEMPT = """
import ctypes, fcntl, json, os, resource, signal, socket, subprocess, sys
from pathlib import Path
folder, (secret, port, supervisor) = Path(sys.argv[-1]), json.loads(sys.argv[-2])
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result
try:
    print(json.dumps({"got": %s}, default=str))
except BaseException as error:
    print(json.dumps({"refused": type(error).__name__}))
"""


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Evaluates an expression in the sandbox: what it got, or the name of the exception that
    stopped it.
    """
    monkeypatch.setenv("L2C_S3_SECRET_ACCESS_KEY", "hush")
    folder = tmp_path / "work" / "folder"
    folder.mkdir(parents=True)
    secret = tmp_path / "l2c.sqlite"
    secret.write_text("everyone's jobs")
    listener = socket.create_server(("127.0.0.1", 0))

    def evaluate(expression: str) -> dict[str, Any]:
        given = json.dumps([str(secret), listener.getsockname()[1], os.getpid()])
        process = sandbox.start((sys.executable, "-c", ATTEMPT % expression, given), folder, LIMITS)
        output, complaints = process.communicate(timeout=50)
        answer: dict[str, Any] = json.loads(
            output or json.dumps({"died": process.returncode, "of": complaints.decode()})
        )
        return answer

    return evaluate


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("open(secret).read()", id="read the database"),
        pytest.param("open('/etc/passwd').read()", id="read a file of the system"),
        pytest.param("os.listdir(Path(secret).parent)", id="list the data folder"),
        pytest.param("open(secret, 'a').write('x')", id="write the database"),
        pytest.param("os.truncate(secret, 0)", id="empty the database"),
        pytest.param("os.unlink(secret)", id="delete the database"),
        pytest.param(
            "(folder.parent / 'report.json').write_text('x')", id="write beside its folder"
        ),
        pytest.param(
            "(folder.parent / 'package/workers/x.py').write_text('x')", id="write into the program"
        ),
        pytest.param("Path('/tmp/from-inside').write_text('x')", id="write into /tmp"),
        pytest.param("Path('/dev/shm/from-inside').write_text('x')", id="write into shared memory"),
        pytest.param("os.link(secret, folder / 'link')", id="link a file to itself"),
        pytest.param(
            "socket.create_connection(('127.0.0.1', port), 5)", id="connect to the loopback"
        ),
        pytest.param("socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)", id="IPv6"),
        pytest.param("socket.socket(socket.AF_UNIX)", id="a Unix socket"),
        pytest.param("socket.socket(socket.AF_NETLINK)", id="netlink"),
        pytest.param("socket.socketpair(type=socket.SOCK_DGRAM)", id="a datagram pair"),
        pytest.param("os.kill(supervisor, signal.SIGTERM)", id="signal the supervisor"),
        pytest.param(
            "open(f'/proc/{supervisor}/environ').read()", id="read the supervisor's environment"
        ),
        pytest.param("open(f'/proc/{supervisor}/mem')", id="open the supervisor's memory"),
        pytest.param(
            "os.readlink(f'/proc/{supervisor}/fd/1')", id="see what the supervisor has open"
        ),
        pytest.param(
            "os.listdir(f'/proc/{supervisor}/root')", id="reach files by the supervisor's root"
        ),
        pytest.param(
            "os.listdir(f'/proc/{supervisor}/cwd')", id="reach files by the supervisor's folder"
        ),
        pytest.param("os.setsid()", id="leave the process group"),
        pytest.param(
            "subprocess.run(['true'], start_new_session=True)",
            id="send a child out of the process group",
        ),
        pytest.param(
            "(folder / 'big').write_bytes(bytes(65 * 2**20))", id="write a file without end"
        ),
        pytest.param("bytearray(20 * 2**30)", id="take all memory"),
    ],
)
def test_what_is_outside_is_out_of_reach(
    inside: Callable[[str], dict[str, Any]], expression: str
) -> None:
    assert inside(expression).get("refused") in REFUSED


OTHERS_OF_THE_SAME_USER = {
    "limit the supervisor's CPU time": "resource.prlimit(supervisor, resource.RLIMIT_CPU, (1, 1))",
    "read the supervisor's limits": "resource.prlimit(supervisor, resource.RLIMIT_CPU)",
    "lower the supervisor's priority": "os.setpriority(os.PRIO_PROCESS, supervisor, 19)",
    "lower the priority of its user": "os.setpriority(os.PRIO_USER, 0, 19)",
    "lower the priority of its group": "os.setpriority(os.PRIO_PGRP, 0, 19)",
    "move the supervisor to one core": "os.sched_setaffinity(supervisor, {0})",
    "make the supervisor wait for idle time": "os.sched_setscheduler("
    "supervisor, os.SCHED_IDLE, os.sched_param(0))",
    "set the supervisor's scheduling": "os.sched_setparam(supervisor, os.sched_param(0))",
    "make the supervisor's disk slow": "call(251, 1, supervisor, 3 << 13)",
    "make its user's disk slow": "call(251, 3, 0, 3 << 13)",
    "move the supervisor's memory": "call(256, supervisor, 64, 0, 0)",
    "open the supervisor's key file to all": "os.chmod(secret, 0o644)",
    "the same by fchmodat2": "call(452, -100, secret.encode(), 0o644, 0)",
    "make a program unusable": "os.fchmod(os.open(sys.executable, os.O_RDONLY), 0o700)",
    "give a file away": "os.chown(secret, 60002, 60002)",
    "give a link away": "os.lchown(secret, 60002, 60002)",
    "give an open file away": "os.fchown(os.open(sys.executable, os.O_RDONLY), 1, 1)",
    "change a file's time": "os.utime(secret, (1, 1))",
    "change an open file's time": "os.utime(os.open(sys.executable, os.O_RDONLY), (1, 1))",
    "label a file": "os.setxattr(secret, 'user.mark', b'x')",
    "label an open file": "os.setxattr(os.open(sys.executable, os.O_RDONLY), 'user.mark', b'x')",
    "remove a label": "os.removexattr(secret, 'user.mark')",
    "make a file immutable": "fcntl.ioctl("
    "os.open(sys.executable, os.O_RDONLY), 0x40086602, b'\\x10' * 8)",
    "watch a folder": "call(294, 0)",
    "watch a folder by dnotify": "fcntl.fcntl(os.open(sys.prefix, os.O_RDONLY), 1026, 4)",
    "make others wait for a lease": "fcntl.fcntl(os.open(sys.executable, os.O_RDONLY), 1024, 0)",
    "share memory": "call(29, 0, 4096, 0o1600)",
    "share a semaphore": "call(64, 0, 1, 0o1600)",
    "share a queue": "call(68, 0, 0o1600)",
    "share a POSIX queue": "call(240, b'queue', 0o102, 0o600, 0)",
    "memory that no limit counts": "os.memfd_create('hidden')",
    "a sibling of the supervisor's children": "call(56, 0x8000 | 17, 0, 0, 0, 0)",
    "a process in a new namespace": "call(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "a file by its handle": "call(304, -100, 0, 0)",
    "type into the terminal": "fcntl.ioctl(2, 0x5412, b'x')",
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86_64")
@pytest.mark.parametrize("attack", OTHERS_OF_THE_SAME_USER)
def test_others_of_the_same_user_are_out_of_reach(
    inside: Callable[[str], dict[str, Any]], tmp_path: Path, attack: str
) -> None:
    before = _state_of_the_supervisor(tmp_path)
    refused = inside(OTHERS_OF_THE_SAME_USER[attack]).get("refused")
    assert refused in REFUSED
    assert _state_of_the_supervisor(tmp_path) == before


def _state_of_the_supervisor(folder: Path) -> tuple[object, ...]:
    secret = (folder / "l2c.sqlite").stat()
    program = Path(sys.executable).stat()
    return (
        resource.getrlimit(resource.RLIMIT_CPU),
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getaffinity(0),
        os.sched_getscheduler(0),
        (secret.st_mode, secret.st_uid, secret.st_mtime_ns, secret.st_size),
        (program.st_mode, program.st_uid, program.st_mtime_ns),
    )


@pytest.mark.parametrize("expression", ["os.nice(1)", "os.sched_setaffinity(0, {0})"])
def test_it_may_slow_itself_down(inside: Callable[[str], dict[str, Any]], expression: str) -> None:
    assert "got" in inside(expression)


@pytest.mark.parametrize(
    "call", ["ptrace", "unshare", "mount", "bpf", "keyctl", "io_uring_setup", "perf_event_open"]
)
def test_the_kernels_rarer_doors_are_shut(
    inside: Callable[[str], dict[str, Any]], call: str
) -> None:
    numbers = {
        "ptrace": 101,
        "unshare": 272,
        "mount": 165,
        "bpf": 321,
        "keyctl": 250,
        "io_uring_setup": 425,
    }
    if os.uname().machine != "x86_64":
        pytest.skip("system call numbers of x86_64")
    number = numbers.get(call, 298)
    libc = "__import__('ctypes').CDLL(None, use_errno=True)"
    answer = inside(f"({libc}.syscall({number}, 0, 0, 0, 0, 0), __import__('ctypes').get_errno())")
    assert answer["got"] == [-1, 1]


def test_the_environment_holds_no_secret(inside: Callable[[str], dict[str, Any]]) -> None:
    environment = inside("dict(os.environ)")["got"]
    assert "hush" not in json.dumps(environment)
    assert not [name for name in environment if name.startswith("L2C_")]


def test_no_capability_is_left(inside: Callable[[str], dict[str, Any]]) -> None:
    status = inside("Path('/proc/self/status').read_text()")["got"]
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status


def test_no_file_of_the_supervisor_is_open(
    inside: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    with (tmp_path / "l2c.sqlite").open() as secret:
        os.set_inheritable(secret.fileno(), True)
        open_files = inside(
            "[os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')[:-1]]"
        )["got"]
    assert not [name for name in open_files if "sqlite" in name]


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("(folder / 'file').write_text('x')", id="its own folder"),
        pytest.param("__import__('tempfile').mkdtemp()", id="temporary files"),
        pytest.param("__import__('workers.compression')", id="the engine"),
        pytest.param("[each.close() for each in socket.socketpair()]", id="a connected pair"),
        pytest.param(
            "subprocess.run([sys.executable, '-c', ''], check=True).returncode", id="a process"
        ),
        pytest.param(
            "subprocess.check_output(['cat', '/proc/self/cmdline'])", id="a process's own facts"
        ),
        pytest.param("subprocess.Popen(['sleep', '9']).kill()", id="a process to kill"),
        pytest.param("__import__('threading').Thread(target=print).start()", id="a thread"),
    ],
)
def test_what_the_engine_needs_is_there(
    inside: Callable[[str], dict[str, Any]], expression: str
) -> None:
    assert "got" in inside(expression)


def test_a_grandchild_is_just_as_confined(inside: Callable[[str], dict[str, Any]]) -> None:
    command = "[sys.executable, '-c', 'import sys; open(sys.argv[1])', secret]"
    assert inside(f"subprocess.run({command}, capture_output=True).returncode") == {"got": 1}


def test_tensorflow_computes_inside(inside: Callable[[str], dict[str, Any]]) -> None:
    tensorflow = "__import__('tensorflow')"
    assert inside(
        f"float({tensorflow}.linalg.trace({tensorflow}.eye(300) @ {tensorflow}.eye(300)))"
    ) == {"got": 300.0}


OLDER_KERNEL = """
import os, signal, subprocess, sys
from workers import seccomp
seccomp.restrict(signals_are_scoped=False)
os.kill(os.getpid(), 0)
try:
    os.kill(os.getppid(), 0)
except PermissionError:
    os.abort()
"""


def test_on_older_kernels_seccomp_keeps_signals_inside() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OLDER_KERNEL], cwd=Path(__file__).parents[2], capture_output=True
    )
    assert done.returncode == -signal.SIGABRT


def test_a_machine_without_landlock_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys; from workers import landlock, sandbox; landlock.abi = lambda: 0;"
        " print(sandbox.missing()); sandbox.main(*sys.argv[1:])"
    )
    plan = {
        "folder": str(tmp_path),
        "parent": os.getpid(),
        "memory": 1 << 34,
        "file_size": 1 << 30,
        "required": True,
    }
    command = [sys.executable, "-c", code, json.dumps(plan), "/bin/echo", "unconfined"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == os.EX_CONFIG
    assert "Landlock" in done.stderr and "unconfined" not in done.stdout
