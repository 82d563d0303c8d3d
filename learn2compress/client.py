"""The Python SDK: what the HTTP API can do, with resumed transfers, patient retries and typed
errors.

client = Client("http://127.0.0.1:8000", key)
model = client.create("models", client.upload(Path("net.keras")).id)
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Self

from learn2compress import transfers
from learn2compress.transport import ConnectionFailed, Refused, Transport, address
from service.contract.job import FINISHED, InspectionState, JobSpec
from service.contract.views import (
    CreatedKey,
    DatasetView,
    EventView,
    JobSummary,
    JobView,
    KeyView,
    ModelView,
    Page,
    UploadView,
    VariantView,
)

__all__ = ["Client", "ConnectionFailed", "Refused"]

Kind = Literal["models", "datasets"]
VIEWS: dict[str, type[ModelView] | type[DatasetView]] = {
    "models": ModelView,
    "datasets": DatasetView,
}
SECONDS_BETWEEN_LOOKS = 0.3


class Client:
    """Safe to share between threads. Every method raises Refused (the service said no; it carries
    code, message and hint) or ConnectionFailed (nobody answered, after all retries). Waiting for an
    inspection or a job, and a single look that is ``patient``, outlast a service that restarts: up
    to five minutes without an answer.
    """

    def __init__(self, url: str, key: str, *, timeout: float = 60.0, attempts: int = 6):
        self.transport = Transport(url, key, timeout, attempts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.transport.close()

    def upload(
        self,
        path: Path,
        *,
        sha256: str | None = None,
        resume: str | None = None,
        created: Callable[[str], None] = lambda upload_id: None,
        sent: Callable[[int], None] = lambda count: None,
    ) -> UploadView:
        """Send the file in parts, several at once; the service checks its SHA-256, computed here
        when not given.

        ``resume`` is the id of an upload to go on with, where it still exists; ``created`` is told
        the id as soon as there is one; ``sent`` is told how many more bytes have arrived.
        """
        sha256 = sha256 or transfers.file_sha256(path)
        return transfers.upload(self.transport, path, sha256, resume, created, sent)

    def upload_state(self, upload_id: str) -> UploadView:
        return UploadView.model_validate(self.transport.json("GET", address("uploads", upload_id)))

    def delete_upload(self, upload_id: str) -> None:
        self.transport.request("DELETE", address("uploads", upload_id))

    def create(
        self, kind: Kind, upload_id: str, name: str | None = None
    ) -> ModelView | DatasetView:
        """A model or dataset of a completed upload; it is validating until a worker has inspected
        it.
        """
        wanted = {"upload_id": upload_id} | ({"name": name} if name else {})
        return VIEWS[kind].model_validate(self.transport.json("POST", address(kind), json=wanted))

    def record(self, kind: Kind, record_id: str, patient: bool = False) -> ModelView | DatasetView:
        return VIEWS[kind].model_validate(
            self.transport.json("GET", address(kind, record_id), patient=patient)
        )

    def records(self, kind: Kind) -> Iterator[ModelView | DatasetView]:
        """All of them, newest first, fetched a page at a time."""
        return (VIEWS[kind].model_validate(item) for item in self._pages(address(kind)))

    def inspected(
        self, kind: Kind, record_id: str, timeout: float | None = None
    ) -> ModelView | DatasetView:
        """Wait until the record is ready or rejected, after others' jobs if need be; raises
        TimeoutError when that takes more than ``timeout`` seconds.
        """
        for _ in (
            itertools.count()
            if timeout is None
            else range(int(timeout / SECONDS_BETWEEN_LOOKS) + 1)
        ):
            record = self.record(kind, record_id, patient=True)
            if record.state != InspectionState.VALIDATING:
                return record
            threading.Event().wait(SECONDS_BETWEEN_LOOKS)
        raise TimeoutError(f"{record_id} is still being inspected: is a worker running?")

    def delete(self, kind: Kind, record_id: str) -> None:
        self.transport.request("DELETE", address(kind, record_id))

    def submit(self, model_id: str, dataset_id: str, spec: JobSpec | None = None) -> JobView:
        wanted: dict[str, Any] = {"model_id": model_id, "dataset_id": dataset_id}
        if spec is not None:
            wanted["spec"] = spec.model_dump(mode="json")
        return JobView.model_validate(self.transport.json("POST", "/v1/jobs", json=wanted))

    def job(self, job_id: str, patient: bool = False) -> JobView:
        return JobView.model_validate(
            self.transport.json("GET", address("jobs", job_id), patient=patient)
        )

    def jobs(self) -> Iterator[JobSummary]:
        """All of them, newest first, fetched a page at a time."""
        return (JobSummary.model_validate(item) for item in self._pages("/v1/jobs"))

    def cancel(self, job_id: str) -> JobView:
        answer = self.transport.json("POST", address("jobs", job_id, "cancel"), repeatable=True)
        return JobView.model_validate(answer)

    def events(self, job_id: str, after: int = 0) -> Iterator[EventView]:
        """What the job says from event ``after`` on until it has ended; a lost connection is taken
        up again.
        """
        while True:
            for event in self.transport.events(address("jobs", job_id, "events"), after):
                yield event
                after = event.id
                if event.data.get("state") in FINISHED:
                    return
            if self.job(job_id, patient=True).state in FINISHED:
                return

    def wait(self, job_id: str) -> JobView:
        """The job once it has ended."""
        for _ in self.events(job_id):
            pass
        return self.job(job_id, patient=True)

    def report(self, job_id: str) -> dict[str, Any]:
        report: dict[str, Any] = self.transport.json("GET", address("jobs", job_id, "report"))
        return report

    def plot(self, job_id: str, format: Literal["png", "svg"] = "png") -> bytes:
        return self.transport.request(
            "GET", address("jobs", job_id, "plot"), params={"format": format}
        ).content

    def variant(self, variant_id: str) -> VariantView:
        return VariantView.model_validate(
            self.transport.json("GET", address("variants", variant_id))
        )

    def download(self, variant: VariantView, target: Path) -> Path:
        """The variant's .tflite as ``target``: resumed from ``target``.part, renamed once its
        SHA-256 is right.
        """
        return transfers.download(self.transport, variant, target)

    def create_key(self, name: str) -> CreatedKey:
        return CreatedKey.model_validate(
            self.transport.json("POST", "/v1/keys", json={"name": name})
        )

    def api_keys(self) -> list[KeyView]:
        return [KeyView.model_validate(item) for item in self.transport.json("GET", "/v1/keys")]

    def delete_key(self, key_id: str) -> None:
        self.transport.request("DELETE", address("keys", key_id))

    def health(self) -> dict[str, Any]:
        health: dict[str, Any] = self.transport.json("GET", "/healthz")
        return health

    def _pages(self, path: str) -> Iterator[Any]:
        params = {"limit": "100"}
        while True:
            page = Page[Any].model_validate(self.transport.json("GET", path, params=params))
            yield from page.items
            if page.next_cursor is None:
                return
            params = {"limit": "100", "cursor": page.next_cursor}
