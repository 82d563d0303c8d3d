"""The sandbox of the child that opens a user's model: its folder, the interpreter, nothing else.

As root, the child runs as a user of its own. Where the kernel allows it, it has namespaces of its
own. Landlock, seccomp and limits apply everywhere.

``start`` runs ``python -m workers.sandbox``, which gives up all rights that the child does not need
and then becomes the child. So this module imports only the standard library at the top.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from workers import landlock, namespaces, seccomp
from workers.compression.parent_death import signal_at_parents_death
from workers.compression.work_folder import SCRATCH

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
# child's own children. Landlock still denies memory, environment and files of other processes.
PROC = "/proc"
GPU_FACTS = ("/sys/bus/pci", "/sys/devices", "/sys/module")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random")
# The supervisor's group may read and remove what the child writes.
FOLDER_OF_BOTH, UMASK_OF_BOTH = 0o2770, 0o007
UMASK = 0o077
PASSABLE, LISTABLE = 0o711, 0o755
MOST_THREADS = 8192
REQUIRE, OFF = "require", "off"
MOST_FILES = 4096


@dataclass(frozen=True)
class Limits:
    """What one child may use, in bytes.

    ``memory`` is address space; not applied with a GPU, whose driver maps more than there is
    memory. ``mode`` is that of L2C_SANDBOX. ``uid`` is the user that the child becomes when this
    process is root; 0 keeps root.
    """

    memory: int
    file_size: int
    uid: int = 0
    mode: str = "require"
    cuda_visible_devices: str = ""


def missing() -> str:
    """What this machine lacks for the sandbox, for people; empty when nothing is missing."""
    lacks = []
    if not landlock.abi():
        lacks.append("Landlock (Linux 5.13 or later, with 'landlock' among the LSMs)")
    if not seccomp.available():
        lacks.append("libseccomp (Debian: apt install libseccomp2)")
    return " and ".join(lacks)


def start(command: tuple[str, ...], folder: Path, limits: Limits) -> subprocess.Popen[bytes]:
    """Start ``command FOLDER`` in the sandbox, in a session and process group of its own.

    It can write only below ``folder``; the folder ``package`` beside it lets it import ``workers``.
    It is killed when the calling thread ends, so that thread must outlive the child.
    """
    folder = folder.resolve()
    scratch, package, root = folder / SCRATCH, folder.parent / "package", folder.parent / "root"
    for each in (scratch, package, root):
        each.mkdir(exist_ok=True)
    if not (package / PACKAGE.name).is_symlink():
        (package / PACKAGE.name).symlink_to(PACKAGE)
    if changes_user(limits):
        _hand_over(folder, limits.uid)
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


def changes_user(limits: Limits) -> bool:
    """Whether the child becomes another user, which only root can give it."""
    return os.geteuid() == 0 and limits.uid != 0 and limits.mode != OFF


def _hand_over(folder: Path, uid: int) -> None:
    """Give the folder to the child's user, and keep it readable for this one's group."""
    folder.parent.chmod(PASSABLE)
    (folder.parent / "package").chmod(LISTABLE)
    for path in _paths_in(folder):
        if path.is_dir():
            path.chmod(FOLDER_OF_BOTH)
        os.chown(path, uid, os.getegid(), follow_symlinks=False)


def _paths_in(folder: Path) -> Iterator[Path]:
    yield folder
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


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
    if cuda_visible_devices:
        environment["CUDA_VISIBLE_DEVICES"] = cuda_visible_devices
    return environment


def main(plan: str, *command: str) -> None:
    """Enter the sandbox, then become the command; exits with EX_CONFIG where it is missing."""
    fields = json.loads(plan)
    folder, parent = Path(fields.pop("folder")), fields.pop("parent")
    limits = Limits(**fields)
    _die_with(parent)
    if (lacks := missing()) and limits.mode != OFF:
        print(f"this machine lacks {lacks}", file=sys.stderr)
        if limits.mode == REQUIRE:
            raise SystemExit(os.EX_CONFIG)
    gpus = gpu_files(limits.cuda_visible_devices)
    _limit_resources(limits, bool(gpus))
    if limits.mode == OFF:
        os.chdir(folder)
        _become(limits)
        os.execv(command[0], command)
    readable, writable = _readable(folder, gpus), [folder, *map(Path, DEVICES), *gpus]
    _enter_namespaces([*readable, *writable], folder.parent / "root")
    os.chdir(folder)
    _become(limits)
    _drop_capabilities()
    if landlock.abi():
        landlock.restrict(readable, writable)
    if seccomp.available():
        seccomp.restrict(signals_are_scoped=landlock.abi() >= landlock.ABI_WITH_SCOPES)
    os.execv(command[0], command)


def _enter_namespaces(visible: list[Path], root: Path) -> None:
    # The child's user has to pass through the folders that lead to these paths.
    os.umask(0o022)
    # /proc is mounted anew for the new processes.
    visible = [path for path in visible if path != Path(PROC)]
    if namespaces.available(visible, root):
        namespaces.enter(visible, root)


def _become(limits: Limits) -> None:
    """Become the child's user, for good."""
    os.umask(UMASK)
    if not changes_user(limits):
        return
    os.setgroups([])
    os.setresgid(limits.uid, limits.uid, limits.uid)
    os.setresuid(limits.uid, limits.uid, limits.uid)
    os.umask(UMASK_OF_BOTH)
    # Linux forgets the signal when the user changes.
    signal_at_parents_death()


def gpu_files(visible: str) -> list[Path]:
    """Those of NVIDIA's driver; none where ``visible`` (CUDA_VISIBLE_DEVICES) hides every GPU."""
    return [] if visible == "-1" else sorted(Path("/dev").glob("nvidia*"))


def _readable(folder: Path, gpus: list[Path]) -> list[Path]:
    interpreter = {
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        str(Path(sys.executable).resolve().parent.parent),
    }
    readable = [*sorted(interpreter), *SYSTEM, PROC]
    if gpus:
        readable += GPU_FACTS
    return [PACKAGE, folder.parent / "package", *map(Path, readable)]


def _die_with(parent: int) -> None:
    signal_at_parents_death()
    if os.getppid() != parent:
        raise SystemExit("the supervisor is gone")


def _drop_capabilities() -> None:
    """Root in a container has capabilities; with no_new_privs, exec cannot bring them back."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


def _limit_resources(limits: Limits, gpu: bool) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: MOST_FILES,
        resource.RLIMIT_NPROC: MOST_THREADS,
        resource.RLIMIT_FSIZE: limits.file_size,
    }
    if not gpu:
        wanted[resource.RLIMIT_AS] = limits.memory
    for kind, limit in wanted.items():
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    main(*sys.argv[1:])
