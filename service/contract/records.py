"""The tables, the engine and the session factory. A job's row is the truth about the job."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Engine,
    ForeignKey,
    Index,
    Integer,
    create_engine,
    event,
)
from sqlalchemy.orm import (
    Mapped,
    Session,
    declared_attr,
    mapped_column,
    relationship,
    sessionmaker,
)

from service.contract.account_records import Account, ApiKey, AuditEntry, WorkerTime
from service.contract.devices import Device
from service.contract.idle_connections import try_idle_connections
from service.contract.job import DEFAULT_PRIORITY, InspectionState, JobKind, JobState
from service.contract.record_base import Base, UtcDateTime, new_id, now
from service.contract.webhook_records import Webhook, WebhookDelivery, WebhookSecret
from service.contract.worker_records import WorkerRecord

__all__ = [
    "Account",
    "ApiKey",
    "AuditEntry",
    "Base",
    "DatasetRecord",
    "Deletion",
    "Job",
    "JobEvent",
    "ModelRecord",
    "Sessions",
    "Upload",
    "UploadPart",
    "UtcDateTime",
    "Variant",
    "Webhook",
    "WebhookDelivery",
    "WebhookSecret",
    "WorkerRecord",
    "WorkerTime",
    "connect",
    "new_id",
    "now",
    "sessions",
]

Sessions = sessionmaker[Session]
# A connection that hangs is noticed within half a minute, long before TCP gives it up.
CONNECTION_TIMEOUTS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "tcp_user_timeout": 30_000,
}


class Upload(Base):
    """An uploaded file. It stays in parts (``storage.part_key``): the store never joins them."""

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("upl"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    filename: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    part_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    @property
    def state(self) -> str:
        """``receiving`` parts, or ``completed``."""
        if self.completed_at is None:
            return "receiving"
        return "completed"

    @property
    def part_count(self) -> int:
        return -(-self.bytes // self.part_bytes)


class UploadPart(Base):
    __tablename__ = "upload_parts"
    upload_id: Mapped[str] = mapped_column(
        ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]


class UploadedRecord:
    """Columns of models and datasets; ``description`` is what inspection found in the upload.

    ``last_used_at`` is when the last job with it was created.
    """

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"), unique=True)
    name: Mapped[str]
    labels: Mapped[dict[str, str]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(default=InspectionState.VALIDATING)
    error: Mapped[dict[str, Any] | None]
    description: Mapped[dict[str, Any] | None]
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    @declared_attr
    def upload(cls) -> Mapped[Upload]:
        return relationship(lazy="joined", innerjoin=True)

    @property
    def bytes(self) -> int:
        return self.upload.bytes

    @property
    def sha256(self) -> str | None:
        return self.upload.sha256


class ModelRecord(UploadedRecord, Base):
    """An uploaded teacher."""

    __tablename__ = "models"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("mod"))


class DatasetRecord(UploadedRecord, Base):
    """An uploaded archive of class folders."""

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("dat"))


CLAIM_ORDER = ("account_id", "state", "kind", "device", "priority", "created_at")


class Job(Base):
    """One run of the child: a compression, or the inspection of an upload.

    ``lease_token`` and ``lease_expires_at`` say who works on it and until when; every write of a
    worker is fenced by the token. ``attempts`` counts claims, ``failures`` those since the last
    checkpoint that were not given back. ``checkpoint_key`` is the newest checkpoint in the store.
    A queued job is not claimed before ``not_before``; ``postponed_since`` is when a store or a disk
    first made it wait.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_lease", "state", "lease_expires_at"),
        Index("ix_jobs_claim_order", *CLAIM_ORDER),
        Index("ix_jobs_of_account", "account_id", "kind", "created_at", "id"),
        Index("ix_jobs_finished_at", "finished_at"),
        Index("ix_jobs_of_kind", "kind", "state", "created_at"),
    )
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("job"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[str] = mapped_column(default=JobKind.COMPRESSION)
    name: Mapped[str] = mapped_column(default="")
    labels: Mapped[dict[str, str]] = mapped_column(default=dict)
    model_id: Mapped[str | None] = mapped_column(ForeignKey("models.id"), index=True)
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id"), index=True)
    spec: Mapped[dict[str, Any]] = mapped_column(default=dict)
    priority: Mapped[int] = mapped_column(default=DEFAULT_PRIORITY)
    device: Mapped[str] = mapped_column(default=Device.ANY)
    state: Mapped[str] = mapped_column(default=JobState.QUEUED)
    stage: Mapped[str] = mapped_column(default="queued")
    progress: Mapped[float] = mapped_column(default=0.0)
    eta_seconds: Mapped[float | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error: Mapped[dict[str, Any] | None]
    report: Mapped[dict[str, Any] | None]
    artifacts_prefix: Mapped[str | None]
    checkpoint_key: Mapped[str | None]
    sandbox: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    postponed_since: Mapped[datetime | None]
    lease_token: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    notified_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobEvent(Base):
    """An event of a job; ``id`` is the id of the server-sent event."""

    __tablename__ = "job_events"
    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    attempt: Mapped[int]
    type: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Variant(Base):
    """One published .tflite; ``metrics`` is its row of report.json, measured on this very file.

    The figures that lists are filtered and sorted by are columns, too.
    """

    __tablename__ = "variants"
    __table_args__ = (Index("ux_variants_job_name", "job_id", "name", unique=True),)
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("var"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    name: Mapped[str]
    filename: Mapped[str]
    key: Mapped[str]
    sha256: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    quantization: Mapped[str]
    macs: Mapped[int] = mapped_column(BigInteger)
    latency_ms: Mapped[float]
    top1: Mapped[float]
    top3: Mapped[float | None]
    top5: Mapped[float]
    metrics: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Deletion(Base):
    """Objects that are to be deleted from the store: every key that starts with ``prefix``."""

    __tablename__ = "deletions"
    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    prefix: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


def connect(url: str) -> Engine:
    """An engine for PostgreSQL or SQLite (WAL, foreign keys, waits up to 30 s for a lock)."""
    if not url.startswith("sqlite"):
        engine = create_engine(url, connect_args=CONNECTION_TIMEOUTS)
        try_idle_connections(engine)
        return engine
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "busy_timeout=30000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def sessions(engine: Engine) -> Sessions:
    return sessionmaker(engine, expire_on_commit=False)
