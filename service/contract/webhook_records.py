"""Tables of webhooks, their secrets and their deliveries; ``records`` has them, too."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.contract.record_base import Base, new_id, now


class Webhook(Base):
    """Where an account wants to be told of events, by their names."""

    __tablename__ = "webhooks"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("whk"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebhookSecret(Base):
    """A delivery is signed with all that have not ended. Kept as it is: signing needs it."""

    __tablename__ = "webhook_secrets"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("whs"))
    webhook_id: Mapped[str] = mapped_column(
        ForeignKey("webhooks.id", ondelete="CASCADE"), index=True
    )
    secret: Mapped[str]
    ends_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebhookDelivery(Base):
    """An event for a webhook, written in the transaction in which it happens.

    A pending one is tried at ``next_try_at``. Whoever tries it moves that moment first, so that
    nobody else tries it meanwhile; the moved moment also fences the result.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("ix_webhook_deliveries_due", "state", "next_try_at"),)
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("msg"))
    webhook_id: Mapped[str] = mapped_column(
        ForeignKey("webhooks.id", ondelete="CASCADE"), index=True
    )
    event: Mapped[str]
    object_id: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(default="pending")
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]
    status: Mapped[int | None]
    problem: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
