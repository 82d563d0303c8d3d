"""What is repeated or lost after kill -9 of the child, then of the supervisor, during a training.

    python -m benchmarks.interruptions

Runs the demo's data through `l2c serve`, kills twice, then cancels a second job. Writes
benchmarks/results/interruptions.json.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import results_file
from learn2compress.client import Client
from service.contract.job import JobSpec

ROOT = Path(__file__).resolve().parent.parent
FASHION = ROOT / "examples" / "fashion"
RESULTS = Path(__file__).parent / "results" / "interruptions.json"
KILLS = {3: "workers.compression", 6: "workers.loop"}


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="l2c-interruptions-") as name,
        service(Path(name)) as client,
    ):
        result = killed_twice(client) | cancelled(client)
    print(json.dumps(result, indent=2))
    results_file.write(RESULTS, result)


@contextmanager
def service(folder: Path) -> Iterator[Client]:
    cli = [sys.executable, "-c", "from learn2compress.cli import app; app()"]
    command = [*cli, "serve", "--port", "0", "--data", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=(folder / "log").open("w"), text=True
    ) as server:
        assert server.stdout
        url = next(line for line in server.stdout if " listens on " in line).split()[-1]
        try:
            with Client(url, (folder / "key").read_text().strip()) as client:
                yield client
        finally:
            server.terminate()


def killed_twice(client: Client) -> dict[str, Any]:
    """Which epochs each attempt trained, when its processes are killed in two of them."""
    job = client.create_job(*inspected_inputs(client), JobSpec(effort="draft"))
    kills = dict(KILLS)
    epochs: dict[str, list[str]] = {}
    for event in client.watch_job(job.id):
        if event.type != "progress" or not event.data.metrics:
            continue
        stage, epoch = event.data.stage, event.data.epoch
        epochs.setdefault(str(event.data.attempt), []).append(f"{stage} {epoch}")
        if stage == "train" and epoch in kills:
            kill(kills.pop(epoch))
    ended = client.get_job(job.id)
    every = list(itertools.chain.from_iterable(epochs.values()))
    return {
        "state": ended.state,
        "attempts": ended.attempts,
        "variants": len(ended.variants),
        "epochs_repeated": len(every) - len(set(every)),
        "epochs": epochs,
    }


def cancelled(client: Client) -> dict[str, Any]:
    """Seconds from the request to cancel a running job to its end."""
    job = client.create_job(*inspected_inputs(client), JobSpec(effort="draft"))
    for event in client.watch_job(job.id):
        if event.type == "progress" and event.data.stage == "teach":
            break
    started = time.monotonic()
    client.cancel_job(job.id)
    state = client.wait_for_job(job.id).state
    return {"cancel_state": state, "cancel_seconds": round(time.monotonic() - started, 2)}


def inspected_inputs(client: Client) -> tuple[str, str]:
    """The ids of the demo's model and dataset, uploaded and inspected."""
    model = client.create_model(client.upload_file(FASHION / "teacher.keras").id)
    data = client.create_dataset(client.upload_file(FASHION / "images.zip").id)
    return client.wait_for_model(model.id).id, client.wait_for_dataset(data.id).id


def kill(module: str) -> None:
    """kill -9 of the newest process that runs ``module``."""
    found = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and runs(entry, module)
    ]
    os.kill(max(found), signal.SIGKILL)


def runs(process: Path, module: str) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return module.encode() in words


if __name__ == "__main__":
    main()
