"""The webhooks of an account: created, listed, rotated, deleted; their deliveries."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from service import audit, idempotency, paging, quotas
from service.app_context import AppContext
from service.caller import Caller
from service.contract.database_clock import database_now
from service.contract.errors import NotFound, QuotaExceeded
from service.contract.records import Sessions, Webhook, WebhookDelivery, WebhookSecret, now
from service.contract.webhook_views import NewWebhook
from service.ownership import owned
from service.webhooks import addresses
from service.webhooks.signatures import new_secret

MOST_WEBHOOKS = 20
MOST_SECRETS = 5


@dataclass(frozen=True)
class WebhookWithSecret:
    """Its newest secret, which cannot be shown again."""

    webhook: Webhook
    secret: str


def create(context: AppContext, caller: Caller, wanted: NewWebhook) -> WebhookWithSecret:
    """Raises Malformed for a URL that is not allowed, QuotaExceeded for too many webhooks."""
    addresses.check(wanted.url, context.settings.webhook_private_addresses)
    with context.sessions.begin() as session:
        quotas.lock_account(session, caller.account_id)
        _require_room(session, caller.account_id)
        webhook = Webhook(account_id=caller.account_id, url=wanted.url, events=list(wanted.events))
        session.add(webhook)
        session.flush()
        secret = _add_secret(session, webhook.id)
        idempotency.note_created(session, caller, "webhooks", webhook.id)
        audit.record(session, caller, "webhook.create", webhook.id)
        return WebhookWithSecret(webhook, secret)


def browse(sessions: Sessions, caller: Caller, wanted: paging.PageRequest) -> paging.Page[Webhook]:
    query = select(Webhook).where(Webhook.account_id == caller.account_id)
    with sessions() as session:
        return paging.page(session, query, Webhook, wanted)


def read(sessions: Sessions, caller: Caller, webhook_id: str) -> Webhook:
    with sessions() as session:
        return owned(session, Webhook, caller.account_id, webhook_id)


def remove(sessions: Sessions, caller: Caller, webhook_id: str) -> None:
    """Its secrets and deliveries go with it; one that is under way may still arrive."""
    with sessions.begin() as session:
        owned(session, Webhook, caller.account_id, webhook_id)
        session.execute(delete(Webhook).where(Webhook.id == webhook_id))
        audit.record(session, caller, "webhook.delete", webhook_id)


def rotate(
    sessions: Sessions, caller: Caller, webhook_id: str, grace_seconds: int
) -> WebhookWithSecret:
    """Add a secret; the others sign for ``grace_seconds`` more, or until they end anyway."""
    ends_at = now() + timedelta(seconds=grace_seconds)
    with sessions.begin() as session:
        webhook = owned(session, Webhook, caller.account_id, webhook_id, lock=True)
        mine = WebhookSecret.webhook_id == webhook_id
        lasting = WebhookSecret.ends_at.is_(None) | (WebhookSecret.ends_at > ends_at)
        session.execute(update(WebhookSecret).where(mine, lasting).values(ends_at=ends_at))
        session.execute(delete(WebhookSecret).where(mine, WebhookSecret.ends_at <= now()))
        newest = select(WebhookSecret.id).where(mine).order_by(WebhookSecret.created_at.desc())
        kept = session.scalars(newest.limit(MOST_SECRETS - 1)).all()
        session.execute(delete(WebhookSecret).where(mine, WebhookSecret.id.not_in(kept)))
        secret = _add_secret(session, webhook_id)
        audit.record(session, caller, "webhook.rotate", webhook_id)
        return WebhookWithSecret(webhook, secret)


def deliveries(
    sessions: Sessions,
    caller: Caller,
    webhook_id: str,
    wanted: paging.PageRequest,
    state: str | None,
) -> paging.Page[WebhookDelivery]:
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    query = query.where(*paging.Filters(state=state).conditions(WebhookDelivery))
    with sessions() as session:
        owned(session, Webhook, caller.account_id, webhook_id)
        return paging.page(session, query, WebhookDelivery, wanted)


def replay(
    sessions: Sessions, caller: Caller, webhook_id: str, delivery_id: str
) -> WebhookDelivery:
    """Send it again at once, whatever its state; with the same id, as the same message."""
    this = (WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id)
    with sessions.begin() as session:
        owned(session, Webhook, caller.account_id, webhook_id)
        again = update(WebhookDelivery).where(*this)
        values = {"state": "pending", "tries": 0, "next_try_at": database_now()}
        changed = again.values(values).returning(WebhookDelivery)
        found: WebhookDelivery | None = session.scalar(changed)
        if found is None:
            raise NotFound(f"There is no delivery {delivery_id} of webhook {webhook_id}.")
        audit.record(session, caller, "webhook.replay", webhook_id)
        return found


def _require_room(session: Session, account_id: str) -> None:
    count = select(func.count()).where(Webhook.account_id == account_id)
    if session.scalars(count).one() >= MOST_WEBHOOKS:
        raise QuotaExceeded(
            f"This account has {MOST_WEBHOOKS} webhooks.", "Delete one that you do not need."
        )


def _add_secret(session: Session, webhook_id: str) -> str:
    secret = new_secret()
    session.add(WebhookSecret(webhook_id=webhook_id, secret=secret))
    return secret
