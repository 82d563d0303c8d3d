"""A client that a generator makes of our OpenAPI description reads figures by attribute."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.report_example import TOP1
from tests.service import stand_in


@pytest.fixture
def generated(live: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package ``l2c_client``, made by openapi-python-client."""
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(live.get("/openapi.json").json()))
    generator = str(Path(sys.executable).with_name("openapi-python-client"))
    options = ["--path", str(description), "--output-path", "l2c_client", "--meta", "none"]
    command = [generator, "generate", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("l2c_client")


def test_a_generated_client_reads_the_figures_of_a_finished_job(
    live: Any, generated: ModuleType, tmp_path: Path
) -> None:
    job_id = stand_in.submit(live, live.context)["id"]
    stand_in.succeed(live.context, job_id, tmp_path)
    read = importlib.import_module("l2c_client.api.jobs.jobs_read")
    key = live.headers["Authorization"].removeprefix("Bearer ")
    client = generated.AuthenticatedClient(str(live.base_url).rstrip("/"), key)
    job = read.sync(job_id, client=client)
    assert job.variants[0].metrics.top1 == TOP1
    assert job.baseline.latency_ms.p50 == 6.0
    assert job.report.recipe.epochs == 3
    assert job.variants[0].metrics.per_class["cat"] == 0.88
