"""The SDK waits as long as a service says that limits requests."""

import random
import time
from pathlib import Path

from learn2compress import Client
from service.contract.settings import Settings
from tests.service import stand_in
from tests.service.client_of import serving


def test_requests_uploads_and_events_wait_and_go_on(embedded: Settings, tmp_path: Path) -> None:
    limited = embedded.model_copy(update={"requests_per_minute": 600, "request_burst": 10})
    file = tmp_path / "net.keras"
    file.write_bytes(random.Random(3).randbytes(300_000))
    with (
        serving(limited) as live,
        Client(str(live.base_url), live.headers["Authorization"][7:]) as sdk,
    ):
        job = stand_in.submit(live, live.context)  # type: ignore[attr-defined]
        stand_in.succeed(live.context, job["id"], tmp_path)  # type: ignore[attr-defined]
        started = time.monotonic()
        for _ in range(12):
            sdk.get_account()
        assert sdk.upload_file(file).completed_at
        for _ in range(12):
            sdk.get_account()
        assert [event.data for event in sdk.watch_job(job["id"])]
        assert sdk.create_key("after many requests").secret
        assert time.monotonic() - started > 1
