"""Runs a command as Compose runs it: only its volume and an own /tmp are writable.

Only the mounts of the command's own namespace change. Needs root and util-linux.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.deploy.deployment import ROOT

MOUNTS = """
set -e
volume=$1; shift
mount --make-rprivate /
# A new, empty /tmp with the volume in it, and with what the command needs, if that lies there.
new=$volume/new-tmp; mkdir -p "$new"; mount -t tmpfs -o mode=1777 tmpfs "$new"
for kept in "$volume" "$1" "$2"; do
    case $kept in /tmp/*)
        place=$new/${kept#/tmp/}; mkdir -p "$place"; mount --bind "$kept" "$place"
        if [ "$kept" != "$volume" ]; then mount -o remount,bind,ro "$place"; fi;;
    esac
done
shift 2
mount --rbind "$new" /tmp
for place in / /var /home /root /work; do
    if mountpoint -q "$place"; then mount -o remount,bind,ro "$place"; fi
done
exec "$@"
"""


def possible() -> bool:
    """Whether this process may change the mounts of a namespace."""
    if os.geteuid() or not shutil.which("setpriv"):
        return False
    command = ["unshare", "--mount", "mount", "--make-rprivate", "/"]
    return subprocess.run(command, capture_output=True).returncode == 0


@contextlib.contextmanager
def volume(user: int = 0) -> Iterator[Path]:
    """A folder of the user that others may pass through, unlike pytest's."""
    with tempfile.TemporaryDirectory(
        prefix="l2c-volume-", dir="/tmp", ignore_cleanup_errors=True
    ) as name:
        os.chown(name, user, user)
        os.chmod(name, 0o755)
        yield Path(name)


@contextlib.contextmanager
def running(service: dict[str, Any], command: Sequence[str], data: Path, **settings: str) -> Any:
    """The command with the user and the capabilities of a service of Compose; yields the process.

    It writes to ``data / "log"``.
    """
    user = str(service.get("user", "0")).split(":")[0]
    rights = "-all" + "".join(f",+{each.lower()}" for each in service.get("cap_add", ()))
    drop = ["--bounding-set", rights, "--inh-caps", rights, "--no-new-privs"]
    become = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *drop]
    kept = [str(data), str(ROOT), sys.prefix]
    confined = ["unshare", "--mount", "sh", "-c", MOUNTS, "sh", *kept, *become, *command]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **settings}
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(confined, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
