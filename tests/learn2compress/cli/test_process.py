"""The command as a process: its pipes, its interruption, its errors for programs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

L2C = Path(sys.executable).with_name("l2c")


def test_a_reader_that_stops_is_no_error(live: Any) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    key = live.headers["Authorization"].removeprefix("Bearer ")
    environment = os.environ | {"L2C_URL": str(live.base_url), "L2C_KEY": key}
    with os.fdopen(writer, "w") as pipe:
        command = [str(L2C), "jobs", "list", "--json"]
        done = subprocess.run(
            command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    assert (done.stderr, done.returncode) == ("", 0)


def test_ctrl_c_while_the_command_starts_ends_it_without_a_traceback() -> None:
    environment = os.environ | {"PYTHONVERBOSE": "1"}
    process = subprocess.Popen([L2C, "--help"], stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr
    # Python tells each import: pydantic is one of the first large libraries.
    told = []
    for line in process.stderr:
        told.append(line)
        if line.startswith("import 'pydantic"):
            process.send_signal(signal.SIGINT)
            break
    told += process.stderr.readlines()
    assert process.wait(20) == -signal.SIGINT
    assert "Traceback" not in "".join(told)


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["jobs", "list", "--json", "--url", "http://127.0.0.1:9"], "cannot_connect", 3),
        (["compress", "missing.keras", "missing.zip", "--out", "out", "--json"], "usage", 2),
        (["jobs", "list", "--json", "--limit", "many"], "usage", 2),
    ],
)
def test_errors_are_json_for_programs(
    tmp_path: Path, arguments: list[str], code: str, status: int
) -> None:
    done = subprocess.run(
        [L2C, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"L2C_KEY": "l2c_x"},
    )
    assert (done.returncode, done.stdout) == (status, "")
    error = json.loads(done.stderr)["error"]
    assert error["code"] == code and error["message"] and error["hint"]
