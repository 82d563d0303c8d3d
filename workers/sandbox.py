"""What the child that opens a user's model may touch: its own folder, the interpreter, nothing
else.

``start`` runs ``python -m workers.sandbox``, which gives up everything it does not need and becomes
the child. This module is that launcher too, so it imports nothing but the standard library at the
top.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from workers import landlock, seccomp
from workers.compression.parent_death import signal_at_parents_death

PACKAGE = Path(__file__).resolve().parent
CAPABILITY_VERSION_3 = 0x20080522
SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/fonts",
    "/sys/devices/system",
)
# TensorFlow aborts without /proc/self/cmdline, and a rule on /proc/self would not hold for the
# child's own children. Memory, environment and files of processes outside stay closed: Landlock
# forbids to trace them.
PROC = "/proc"
GPU_FACTS = ("/sys/bus/pci", "/sys/devices", "/sys/module")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random")
MOST_THREADS = 8192
MOST_FILES = 4096


@dataclass(frozen=True)
class Limits:
    """What one child may use; bytes. ``memory`` counts address space and is not applied beside a
    GPU, which maps far more of it than there is memory.
    """

    memory: int
    file_size: int
    required: bool = True
    cuda_visible_devices: str = ""


def missing() -> str:
    """What this machine lacks for the sandbox, in words; empty when it has all."""
    lacks = []
    if not landlock.abi():
        lacks.append("Landlock (Linux 5.13 or later, with 'landlock' among the LSMs)")
    if not seccomp.available():
        lacks.append("libseccomp (Debian: apt install libseccomp2)")
    return " and ".join(lacks)


def start(command: tuple[str, ...], folder: Path, limits: Limits) -> subprocess.Popen[bytes]:
    """Start ``command FOLDER`` in the sandbox, in a session and process group of its own.

    ``folder`` is all it can write; beside it, ``package`` is made so that it can import
    ``workers``. It dies when the calling thread ends, so call this from a thread that outlives the
    child.
    """
    folder = folder.resolve()
    scratch, package = folder / "scratch", folder.parent / "package"
    for each in (scratch, package):
        each.mkdir(exist_ok=True)
    if not (package / PACKAGE.name).is_symlink():
        (package / PACKAGE.name).symlink_to(PACKAGE)
    plan = json.dumps({"folder": str(folder), "parent": os.getpid(), **asdict(limits)})
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "workers.sandbox", plan, *command, str(folder)],
        cwd=folder,
        env=_environment(scratch, package, limits.cuda_visible_devices),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _environment(scratch: Path, package: Path, cuda_visible_devices: str) -> dict[str, str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "USER": "l2c",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    return {
        **environment,
        **({"CUDA_VISIBLE_DEVICES": cuda_visible_devices} if cuda_visible_devices else {}),
    }


def main(plan: str, *command: str) -> None:
    """Give up what the plan does not leave, then become the command. Exits with EX_CONFIG if the
    sandbox is missing.
    """
    fields = json.loads(plan)
    folder, parent = Path(fields.pop("folder")), fields.pop("parent")
    limits = Limits(**fields)
    _die_with(parent)
    if lacks := missing():
        print(f"this machine lacks {lacks}", file=sys.stderr)
        if limits.required:
            raise SystemExit(os.EX_CONFIG)
    _drop_capabilities()
    gpus = [] if limits.cuda_visible_devices == "-1" else sorted(Path("/dev").glob("nvidia*"))
    _limit_resources(limits, bool(gpus))
    if landlock.abi():
        landlock.restrict(_readable(folder, gpus), [folder, *map(Path, DEVICES), *gpus])
    if seccomp.available():
        seccomp.restrict(signals_are_scoped=landlock.abi() >= landlock.ABI_WITH_SCOPES)
    os.execv(command[0], command)


def _readable(folder: Path, gpus: list[Path]) -> list[Path]:
    interpreter = {
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        str(Path(sys.executable).resolve().parent.parent),
    }
    facts = (*SYSTEM, PROC, *(GPU_FACTS if gpus else ()))
    return [PACKAGE, folder.parent / "package", *map(Path, sorted(interpreter)), *map(Path, facts)]


def _die_with(parent: int) -> None:
    signal_at_parents_death()
    if os.getppid() != parent:
        raise SystemExit("the supervisor is gone")


def _drop_capabilities() -> None:
    """Root, in a container, has capabilities; without new privileges the exec cannot bring them
    back.
    """
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


def _limit_resources(limits: Limits, gpu: bool) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: MOST_FILES,
        resource.RLIMIT_NPROC: MOST_THREADS,
        resource.RLIMIT_FSIZE: limits.file_size,
        **({} if gpu else {resource.RLIMIT_AS: limits.memory}),
    }
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main(*sys.argv[1:])
