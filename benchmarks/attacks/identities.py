"""The users that a worker may run as, and how attacks are run as one of them."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.attacks.groups import FILES
from benchmarks.attacks.outcome import Outcome

RIGHTS = "-all,+setuid,+setgid,+chown,+kill"
ROOT = "root"
IDENTITIES: dict[str, Sequence[str]] = {
    ROOT: (),
    "as in the container": (f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}"),
    "a normal user": ("--reuid=1234", "--regid=1234", "--clear-groups"),
}
"""Options of setpriv; without any, setpriv is not used."""


def attack_as(options: Sequence[str], group: str, folder: Path) -> Iterator[Outcome]:
    """The outcomes of a group's attacks, by a process that runs with these options."""
    with tempfile.TemporaryDirectory(dir=folder) as name, tempfile.TemporaryFile() as errors:
        own = Path(name)
        own.chmod(0o777)
        command = [sys.executable, "-m", "benchmarks.attacks", "--group", group]
        command += ["--inside", str(own), str(folder / FILES / group)]
        if options:
            command = ["setpriv", *options, *command]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield Outcome(**json.loads(line))
        if process.returncode:
            errors.seek(0)
            sys.exit(errors.read().decode(errors="replace"))
