"""The tables. A job's row is the truth about it; everything else is a notifier or a cache."""

import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Engine,
    ForeignKey,
    Index,
    Integer,
    String,
    TypeDecorator,
    create_engine,
    event,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from service.contract.job import InspectionState, JobKind, JobState

Sessions = sessionmaker[Session]
# A network that goes silent is noticed within half a minute, well before TCP itself gives up.
PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "tcp_user_timeout": 30_000,
}


def now() -> datetime:
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """A random id that names its table: ``job_3f2a...`` (112 random bits)."""
    return f"{prefix}_{uuid.uuid4().hex[:28]}"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, aware datetimes out; SQLite forgets the zone, so it is put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return (value if value.tzinfo else value.replace(tzinfo=UTC)) if value else None


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {dict[str, Any]: JSON, datetime: UtcDateTime, str: String(255)}


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("acc"))
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class ApiKey(Base):
    """Only the SHA-256 of a key is stored: keys are 256 random bits, so a slow hash adds nothing."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("key"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Upload(Base):
    """A file on its way in. It stays in parts, ``storage.part_key``, and nothing ever joins them in
    the store.
    """

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("upl"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    filename: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    part_size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class UploadPart(Base):
    __tablename__ = "upload_parts"
    upload_id: Mapped[str] = mapped_column(
        ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]


class ModelRecord(Base):
    """An uploaded teacher; ``description`` is what inspection found (format, signature, parameters,
    MACs, size).
    """

    __tablename__ = "models"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("mod"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"), unique=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(default=InspectionState.VALIDATING)
    error: Mapped[dict[str, Any] | None]
    description: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class DatasetRecord(Base):
    """An uploaded archive of class folders; ``description`` is what inspection found (classes,
    counts, sizes).
    """

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("dat"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"), unique=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(default=InspectionState.VALIDATING)
    error: Mapped[dict[str, Any] | None]
    description: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Job(Base):
    """One run of the child: a compression, or the inspection of an upload.

    ``lease_token`` and ``lease_expires_at`` say who works on it and until when; every write of a
    worker is fenced by the token. ``attempts`` counts claims. ``checkpoint_key`` is the newest
    checkpoint in the store.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state_lease", "state", "lease_expires_at"),)
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("job"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[str] = mapped_column(default=JobKind.COMPRESSION)
    model_id: Mapped[str | None] = mapped_column(ForeignKey("models.id"), index=True)
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id"), index=True)
    spec: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(default=JobState.QUEUED)
    stage: Mapped[str] = mapped_column(default="queued")
    progress: Mapped[float] = mapped_column(default=0.0)
    eta_seconds: Mapped[float | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error: Mapped[dict[str, Any] | None]
    report: Mapped[dict[str, Any] | None]
    artifacts_prefix: Mapped[str | None]
    checkpoint_key: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    notified_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobEvent(Base):
    """What a job said, in order; ``id`` is the SSE event id. ``type`` is ``progress`` or ``state``."""

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
    """One published .tflite; ``metrics`` is its row of report.json, measured on this very file."""

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
    metrics: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


def connect(url: str) -> Engine:
    """An engine for PostgreSQL or SQLite; SQLite in WAL mode, with foreign keys and a patient lock."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, connect_args=PATIENCE)
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
