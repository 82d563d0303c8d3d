"""Tables of accounts, their keys and what was done with them; ``records`` has them, too."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.contract.record_base import Base, new_id, now


class Account(Base):
    """While ``suspended_at`` is set, its keys open nothing and its queued jobs must wait.

    ``limits`` are those of its limits that differ from the settings, by name: the fields of
    ``account_views.Limits``, and ``retention_days``. 0: none. ``last_served_at`` is
    when a worker last took a compression of it.
    """

    __tablename__ = "accounts"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("acc"))
    name: Mapped[str] = mapped_column(unique=True)
    suspended_at: Mapped[datetime | None]
    last_served_at: Mapped[datetime | None]
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class WorkerTime(Base):
    """Seconds that workers spent in a month (``2026-11``) on jobs that were deleted since."""

    __tablename__ = "worker_time"
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    month: Mapped[str] = mapped_column(primary_key=True)
    seconds: Mapped[float]


class ApiKey(Base):
    """Only a key's SHA-256 is stored: keys are 256 random bits, so a slow hash adds nothing.

    ``scopes`` are words of ``account_views.SCOPES``: what the key may do. With a ``job_id`` it
    sees that job alone. The secret from before a rotation opens until ``previous_ends_at``.
    """

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("key"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    job_id: Mapped[str | None] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), index=True
    )
    expires_at: Mapped[datetime | None]
    previous_sha256: Mapped[str | None] = mapped_column(unique=True)
    previous_ends_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class AuditEntry(Base):
    """Who did what, and how it ended. Rows are only added; they go with age or their account.

    ``actor`` is the id of a key, or ``operator``; keys and objects may be gone, so nothing links
    to them. ``outcome`` is ``done``, or the code of the error.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_account_time", "account_id", "created_at"),)
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("aud"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    actor: Mapped[str]
    action: Mapped[str]
    object_id: Mapped[str | None]
    address: Mapped[str | None]
    outcome: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class IdempotentRequest(Base):
    """A creating request with an Idempotency-Key; the key makes it unique in its account.

    The row is inserted before the work, with the ``token`` of who does it. ``status`` is null until
    something is created, then 303, and at last that of the answer; ``body`` stays null where the
    answer holds a secret. After ``expires_at`` the row counts as absent.
    """

    __tablename__ = "idempotent_requests"
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    token: Mapped[str]
    status: Mapped[int | None]
    location: Mapped[str | None]
    body: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)
