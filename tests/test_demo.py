"""The demo's script is ended while its service runs."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import eventually

ROOT = Path(__file__).parents[1]
PROCESSES = Path("/proc")


def started_for(folder: Path) -> list[int]:
    """Processes that have the folder in their arguments, such as the service and its worker."""
    found = []
    for entry in PROCESSES.glob("[0-9]*/cmdline"):
        try:
            is_found = str(folder).encode() in entry.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if is_found:
            found.append(int(entry.parent.name))
    return found


@pytest.mark.skipif(not PROCESSES.exists(), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_the_script_alone_leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    command: list[str | Path] = [sys.executable, ROOT / "examples" / "demo.py", "--out", out]
    with (tmp_path / "log").open("w") as log:
        demo = subprocess.Popen(command, stdout=log, stderr=log)
    eventually(lambda: "l2c serve: " in (tmp_path / "log").read_text(), 60)
    assert len(started_for(out)) >= 2
    os.kill(demo.pid, number)
    status = demo.wait(30)
    eventually(lambda: not started_for(out), 30)
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert status == (-number if number == signal.SIGKILL else 128 + number)
