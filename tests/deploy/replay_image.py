"""Builds a target of the Dockerfile without Docker: in a bare virtual environment, with only the
files that it copies; then starts what it starts.

    python -m tests.deploy.replay_image service worker

COPY and the lines of RUN that install packages are replayed. What changes the system (users,
packages of the distribution) is printed and left out. A worker is installed without CUDA.
"""

import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests import server_processes
from tests.deploy import dockerfile
from tests.waiting import eventually

INSTALLERS = ("uv pip ", "pip install ")


def main(*targets: str) -> None:
    for target in targets or tuple(CHECKS):
        with tempfile.TemporaryDirectory(prefix=f"l2c-{target}-") as name:
            replay(target, Path(name))
            print(f"{target}: good")


def replay(target: str, folder: Path) -> None:
    """Raises what the build, or the start of its result, raises."""
    app = folder / "app"
    app.mkdir()
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("L2C_", "PYTHON"))},
        "PATH": f"{folder / 'venv/bin'}:{os.environ['PATH']}",
        # Instead of the image's UV_SYSTEM_PYTHON, with which uv would leave the environment.
        "VIRTUAL_ENV": str(folder / "venv"),
        "ACCELERATOR": "",
        "L2C_DATA_DIR": str(folder / "data"),
    }
    dockerfile.copy_files(target, app)
    for command in _commands(target):
        if command.startswith(INSTALLERS):
            print(f"{target}: {command}", flush=True)
            subprocess.run(["sh", "-c", command], check=True, cwd=app, env=environment)
        else:
            print(f"{target}: left out: {command}", flush=True)
    CHECKS[target](folder, environment)


def _commands(target: str) -> list[str]:
    runs = [each.rest for each in dockerfile.instructions(target) if each.keyword == "RUN"]
    return [" ".join(command.split()) for run in runs for command in run.split("&&")]


def _check_service(folder: Path, environment: dict[str, str]) -> None:
    """With a Redis that does not answer: an API starts without it, and starts no worker then."""
    (folder / "data").mkdir()  # the image has it
    _run(["python", "-m", "migrations"], folder, environment)
    port = server_processes.free_port()
    nowhere = f"redis://127.0.0.1:{server_processes.free_port()}/0"
    settings = {"L2C_PORT": str(port), "L2C_REDIS_URL": nowhere}
    with subprocess.Popen(["l2c", "serve"], cwd=folder, env=environment | settings) as process:
        try:
            url = f"http://127.0.0.1:{port}/healthz"
            eventually(lambda: urllib.request.urlopen(url).status == 200, 60, (OSError,))
        finally:
            process.terminate()
    _fails("import tensorflow", folder, environment)
    _fails("import workers.compression", folder, environment)


def _check_worker(folder: Path, environment: dict[str, str]) -> None:
    """The engine can be imported, and nothing but Redis is missing for a start."""
    code = "import workers.compression.pipeline, workers.compression.start"
    _run([*PYTHON, code], folder, environment)
    start = ["celery", "-A", "workers.tasks", "worker", "--pool", "prefork", "--concurrency", "1"]
    done = subprocess.run(start, cwd=folder, env=environment, capture_output=True, text=True)
    if "L2C_REDIS_URL is not set" not in done.stderr:
        raise RuntimeError(f"not the expected refusal: {done.stderr}")
    _fails("import fastapi", folder, environment)


PYTHON = ("python", "-c")
CHECKS: dict[str, Callable[[Path, dict[str, str]], None]] = {
    "service": _check_service,
    "worker": _check_worker,
}


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    subprocess.run(command, cwd=folder, env=environment, check=True)


def _fails(code: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run([*PYTHON, code], cwd=folder, env=environment, capture_output=True)
    if done.returncode == 0:
        raise RuntimeError(f"{code} works, but this target should not have it")


if __name__ == "__main__":
    main(*sys.argv[1:])
