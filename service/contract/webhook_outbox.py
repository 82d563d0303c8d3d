"""Events for webhooks, as rows of the very transaction in which they happen."""

from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.contract.database_clock import database_now
from service.contract.records import Webhook, WebhookDelivery, new_id, now
from service.contract.webhook_views import EventData, EventPayload, WebhookEvent


def record_event(session: Session, account_id: str, noun: str, object_id: str, state: str) -> None:
    """One delivery for each webhook that wants it. ``noun``: job, model or dataset."""
    event = f"{noun}.{state}"
    # Locked against deletion, which would make this transaction fail, and with it the end of a job.
    mine = select(Webhook).where(Webhook.account_id == account_id)
    found = session.scalars(mine.with_for_update(read=True, key_share=True))
    wanted = [webhook for webhook in found if event in webhook.events]
    if not wanted:
        return
    links = {"self": f"/v1/{noun}s/{object_id}"}
    payload = EventPayload(
        type=cast(WebhookEvent, event),
        timestamp=now(),
        data=EventData(id=object_id, state=state, links=links),
    )
    for webhook in wanted:
        session.add(
            WebhookDelivery(
                id=new_id("msg"),
                webhook_id=webhook.id,
                event=event,
                object_id=object_id,
                body=payload.model_dump_json(),
                next_try_at=database_now(),
            )
        )
