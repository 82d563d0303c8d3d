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
from tests.workers.attacks import ATTACKS, REFUSED, SETUP
from workers import sandbox

LIMITS = sandbox.Limits(memory=16 * 1024 * MIB, file_size=64 * MIB, uid=60001)
ATTEMPT = (
    SETUP
    + """
folder, (secret, port, supervisor) = Path(sys.argv[-1]), json.loads(sys.argv[-2])
try:
    print(json.dumps({"got": %s}, default=str))
except BaseException as error:
    print(json.dumps({"refused": type(error).__name__}))
"""
)


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


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86_64")
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_outside_is_out_of_reach(
    inside: Callable[[str], dict[str, Any]], tmp_path: Path, attack: str
) -> None:
    before = _state_of_the_supervisor(tmp_path)
    refused = inside(ATTACKS[attack]).get("refused")
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
        "mode": "require",
    }
    command = [sys.executable, "-c", code, json.dumps(plan), "/bin/echo", "unconfined"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == os.EX_CONFIG
    assert "Landlock" in done.stderr and "unconfined" not in done.stdout
