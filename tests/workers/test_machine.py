"""What a worker says of its machine when it starts, as the users that it may run as."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from service.contract.settings import Settings
from workers import sandbox
from workers.machine import device_of

ROOT = Path(__file__).parents[2]
PREPARE = """
import logging, sys
from pathlib import Path
from service.contract.settings import Settings
from workers.machine import prepare_machine
logging.basicConfig(level=logging.INFO)
prepare_machine(Settings(data_dir=Path(sys.argv[1])))
"""
AS_IN_THE_CONTAINER = (
    "setpriv",
    "--bounding-set=-all,+setuid,+setgid,+chown,+kill",
    "--inh-caps=-all,+setuid,+setgid,+chown,+kill",
)
only_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can become other users"
)


def prepare(data: Path, *identity: str) -> subprocess.CompletedProcess[str]:
    command = [*identity, sys.executable, "-c", PREPARE, str(data)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)


def test_it_proves_the_sandbox_and_keeps_the_folder_private(tmp_path: Path) -> None:
    done = prepare(tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert "sandbox: " in done.stderr and "Landlock" in done.stderr
    assert list((tmp_path / "data" / "work").iterdir()) == []
    if "namespaces of its own" in done.stderr:
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_workers_device_is_the_one_that_is_set(
    tmp_path: Path, device: Literal["cpu", "gpu"]
) -> None:
    assert device_of(Settings(data_dir=tmp_path, device=device)) == device


@pytest.mark.skipif(not sandbox.gpu_files(""), reason="no NVIDIA GPU here")
def test_a_machine_with_a_gpu_is_a_gpu_worker_unless_it_is_hidden(tmp_path: Path) -> None:
    assert device_of(Settings(data_dir=tmp_path)) == "gpu"
    assert device_of(Settings(data_dir=tmp_path, cuda_visible_devices="-1")) == "cpu"


@pytest.mark.skipif(bool(sandbox.gpu_files("")), reason="a GPU is here")
def test_a_machine_without_a_gpu_is_a_cpu_worker(tmp_path: Path) -> None:
    assert device_of(Settings(data_dir=tmp_path)) == "cpu"


def test_it_says_when_there_is_no_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2C_SANDBOX", "off")
    done = prepare(tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert "sandbox: none, as L2C_SANDBOX asks for (off)" in done.stderr


@only_root
def test_a_folder_that_the_childs_user_cannot_enter_is_refused_in_one_sentence(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    done = prepare(closed / "data", *AS_IN_THE_CONTAINER)
    assert done.returncode == 1
    assert "as user 60001" in done.stderr and "L2C_CHILD_UID" in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


@only_root
def test_root_works_in_a_folder_that_only_root_can_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    done = prepare(closed / "data")
    if "no namespaces" in done.stderr or done.returncode:
        pytest.skip("this root may not make namespaces")
    assert "user 60001, namespaces of its own" in done.stderr
