"""The Python client: what the HTTP API offers, with resumed transfers, retries and typed errors.

with Client("http://127.0.0.1:8000", key) as client:
    model = client.create_model(client.upload_file(Path("net.keras")).id)
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from learn2compress import transfers
from learn2compress.account_client import AccountClient
from learn2compress.resources import label_items
from learn2compress.transport import Transport, api_path, validate_view
from learn2compress.webhook_client import WebhookClient
from service.contract.devices import Device
from service.contract.job import DEFAULT_PRIORITY, FINISHED, InspectionState, JobSpec
from service.contract.job_views import (
    JobSummary,
    JobView,
    ProgressEventView,
    StateEventView,
    VariantView,
)
from service.contract.report import Report
from service.contract.views import (
    DatasetView,
    ModelView,
    Ready,
    RecordSummary,
    UploadSummary,
    UploadView,
)

Record = TypeVar("Record", ModelView, DatasetView)
SECONDS_BETWEEN_LOOKS = 0.3


class Client(AccountClient, WebhookClient):
    """One service and one key. Safe to share between threads.

    Methods raise a ClientError: Refused (the service answered with an error: code, message and
    hint) or ConnectionFailed (no answer after all retries). ``wait_for_*`` and ``watch_job`` keep
    trying for five minutes after the service's last answer, so that they outlast its restart.

    ``list_*`` yield newest first and fetch a page at a time. With ``labels`` they yield only what
    has all of them.
    """

    def __init__(self, url: str, key: str, *, timeout: float = 60.0, attempts: int = 6):
        super().__init__(Transport(url, key, timeout, attempts))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.transport.close()

    def upload_file(
        self,
        path: Path,
        *,
        sha256: str | None = None,
        resume: str | None = None,
        on_created: Callable[[str], None] = lambda upload_id: None,
        on_sent: Callable[[int], None] = lambda count: None,
    ) -> UploadView:
        """Send the file in parts, several at once; the service checks its SHA-256.

        ``resume`` is the id of an upload to continue, if it still exists. ``on_created`` is called
        with the id as soon as there is one; ``on_sent`` with the number of bytes that have arrived
        since its last call, at first with those that an earlier transfer has sent.
        """
        sha256 = sha256 or transfers.file_sha256(path)
        return transfers.upload(self.transport, path, sha256, resume, on_created, on_sent)

    def get_upload(self, upload_id: str) -> UploadView:
        return self._get(UploadView, api_path("uploads", upload_id))

    def list_uploads(
        self, *, state: str | None = None, name: str | None = None
    ) -> Iterator[UploadSummary]:
        return self._list(UploadSummary, api_path("uploads"), state=state, name=name)

    def delete_upload(self, upload_id: str) -> None:
        self._delete("uploads", upload_id)

    def create_model(
        self, upload_id: str, name: str | None = None, labels: Mapping[str, str] | None = None
    ) -> ModelView:
        """A model of a completed upload; it is validating until a worker has inspected it."""
        return self._create_record(ModelView, "models", upload_id, name, labels)

    def create_dataset(
        self, upload_id: str, name: str | None = None, labels: Mapping[str, str] | None = None
    ) -> DatasetView:
        """A dataset of a completed upload; it is validating until a worker has inspected it."""
        return self._create_record(DatasetView, "datasets", upload_id, name, labels)

    def get_model(self, model_id: str) -> ModelView:
        return self._get(ModelView, api_path("models", model_id))

    def get_dataset(self, dataset_id: str) -> DatasetView:
        return self._get(DatasetView, api_path("datasets", dataset_id))

    def list_models(self, **filters: Any) -> Iterator[RecordSummary]:
        """``filters``: state, name, labels (a mapping), sha256 (of the uploaded file)."""
        return self._list(RecordSummary, api_path("models"), **filters)

    def list_datasets(self, **filters: Any) -> Iterator[RecordSummary]:
        """``filters``: state, name, labels (a mapping), sha256 (of the uploaded file)."""
        return self._list(RecordSummary, api_path("datasets"), **filters)

    def wait_for_model(self, model_id: str, timeout: float = math.inf) -> ModelView:
        """The model once it is ready or rejected; raises TimeoutError after ``timeout`` seconds."""
        return self._wait_for_record(ModelView, "models", model_id, timeout)

    def wait_for_dataset(self, dataset_id: str, timeout: float = math.inf) -> DatasetView:
        """The dataset once it is ready or rejected; raises TimeoutError after ``timeout`` s."""
        return self._wait_for_record(DatasetView, "datasets", dataset_id, timeout)

    def inspect_model(self, model_id: str) -> ModelView:
        """Inspect a rejected model again, after an outage or a crash."""
        return validate_view(ModelView, self._inspect("models", model_id))

    def inspect_dataset(self, dataset_id: str) -> DatasetView:
        """Inspect a rejected dataset again, after an outage or a crash."""
        return validate_view(DatasetView, self._inspect("datasets", dataset_id))

    def delete_model(self, model_id: str) -> None:
        self._delete("models", model_id)

    def delete_dataset(self, dataset_id: str) -> None:
        self._delete("datasets", dataset_id)

    def create_job(
        self,
        model_id: str,
        dataset_id: str,
        spec: JobSpec | None = None,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int = DEFAULT_PRIORITY,
        device: Device = Device.ANY,
    ) -> JobView:
        """Queue a compression; model and dataset must be ready.

        ``priority`` orders your own waiting jobs: 0 first, 9 last. ``device`` is the kind of worker
        that takes it.
        """
        spec = spec or JobSpec()
        wanted = {"model_id": model_id, "dataset_id": dataset_id, **_named(name, labels)}
        order = {"priority": priority, "device": device}
        body = {**wanted, **order, "spec": spec.model_dump(mode="json")}
        return validate_view(JobView, self.transport.json("POST", "/v1/jobs", json=body))

    def get_job(self, job_id: str, *, patient: bool = False) -> JobView:
        """``patient``: keep trying as ``wait_for_job`` does."""
        return self._get(JobView, api_path("jobs", job_id), patient=patient)

    def list_jobs(self, **filters: Any) -> Iterator[JobSummary]:
        """``filters``: state, name, labels (a mapping), model_id, dataset_id."""
        return self._list(JobSummary, api_path("jobs"), **filters)

    def cancel_job(self, job_id: str) -> JobView:
        answer = self.transport.json("POST", api_path("jobs", job_id, "cancel"), repeatable=True)
        return validate_view(JobView, answer)

    def delete_job(self, job_id: str) -> None:
        """Delete an ended job with its variants, events, report and files."""
        self._delete("jobs", job_id)

    def watch_job(
        self, job_id: str, after: int = 0
    ) -> Iterator[ProgressEventView | StateEventView]:
        """The events after event ``after`` until the job has ended; reconnects by itself."""
        while True:
            for event in self.transport.events(api_path("jobs", job_id, "events"), after):
                yield event
                after = event.id
                if isinstance(event, StateEventView) and event.data.state in FINISHED:
                    return
            if self.get_job(job_id, patient=True).state in FINISHED:
                return

    def wait_for_job(self, job_id: str) -> JobView:
        """The job once it has ended."""
        for _ in self.watch_job(job_id):
            pass
        return self.get_job(job_id, patient=True)

    def get_report(self, job_id: str) -> Report:
        """All of report.json; raises Refused (not_ready) unless the job has succeeded."""
        return self._get(Report, api_path("jobs", job_id, "report"))

    def get_plot(self, job_id: str, format: Literal["png", "svg"] = "png") -> bytes:
        """The plot of accuracy over bytes."""
        path = api_path("jobs", job_id, "plot")
        return self.transport.request("GET", path, params={"format": format}).content

    def get_variant(self, variant_id: str) -> VariantView:
        return self._get(VariantView, api_path("variants", variant_id))

    def list_variants(self, **filters: Any) -> Iterator[VariantView]:
        """``filters``: limits, quantization, name, job_id, labels (of the job), sort (``-top1``).

        Limits: max_bytes, max_macs, max_latency_ms, min_top1, min_top3, min_top5.
        """
        return self._list(VariantView, api_path("variants"), **filters)

    def download_variant(self, variant: VariantView, target: Path) -> Path:
        """Download the .tflite to ``target``, which appears once its SHA-256 is right.

        A download that was cut short is resumed from ``target``.part.
        """
        return transfers.download(self.transport, variant, target)

    def get_health(self) -> Ready:
        return self._get(Ready, "/readyz")

    def _inspect(self, kind: str, record_id: str) -> Any:
        return self.transport.json("POST", api_path(kind, record_id, "inspect"), repeatable=True)

    def _create_record(
        self,
        view: type[Record],
        kind: str,
        upload_id: str,
        name: str | None,
        labels: Mapping[str, str] | None,
    ) -> Record:
        body = {"upload_id": upload_id, **_named(name, labels)}
        return validate_view(view, self.transport.json("POST", api_path(kind), json=body))

    def _wait_for_record(
        self, view: type[Record], kind: str, record_id: str, timeout: float
    ) -> Record:
        deadline = time.monotonic() + timeout
        while True:
            record = self._get(view, api_path(kind, record_id), patient=True)
            if record.state != InspectionState.VALIDATING:
                return record
            if time.monotonic() >= deadline:
                break
            time.sleep(SECONDS_BETWEEN_LOOKS)
        raise TimeoutError(f"{record_id} is not inspected yet: is a worker running?")


def _named(name: str | None, labels: Mapping[str, str] | None) -> dict[str, Any]:
    """Name and labels of a request body; the server names what is not named."""
    given: dict[str, Any] = {"labels": dict(label_items(labels))}
    if name is not None:
        given["name"] = name
    return given
