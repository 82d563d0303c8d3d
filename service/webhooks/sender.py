"""Threads of an API process that send what the outbox holds; several processes share the work."""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update

from service.contract.database_clock import database_now
from service.contract.records import Sessions, Webhook, WebhookDelivery, WebhookSecret, now
from service.contract.settings import Settings
from service.contract.version import installed_version
from service.webhooks import posting, signatures

log = logging.getLogger(__name__)
PAUSES_SECONDS = (5.0, 30.0, 120.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
"""After each failed try; after the one that follows the last pause, a delivery is given up."""
# Longer than a try takes, with its look-ups. A process that dies during one delays it so long.
CLAIM_SECONDS = 60.0
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_SWEEPS = 3600.0
DELIVERIES_STAY = timedelta(days=30)
THREADS = 4
GONE = 410
"""With this answer a receiver says that it wants no more of it."""


@dataclass(frozen=True)
class Claimed:
    """A delivery that nobody else tries now."""

    id: str
    tries: int
    url: str
    body: bytes
    secrets: tuple[str, ...]


class Sender:
    """Sends from ``start`` to ``stop``. What a stopped one had claimed is tried again later."""

    def __init__(self, settings: Settings, sessions: Sessions):
        self._settings, self._sessions = settings, sessions
        self._stop = threading.Event()
        self._next_sweep = time.monotonic()
        self._threads = [
            threading.Thread(target=self._run, name=f"webhooks-{number}", daemon=True)
            for number in range(THREADS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(posting.SECONDS / THREADS)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if send_one(self._settings, self._sessions):
                    continue
                self._sweep()
            except Exception:
                if not self._stop.is_set():
                    log.exception("a webhook could not be sent and is tried again")
            self._stop.wait(SECONDS_BETWEEN_LOOKS)

    def _sweep(self) -> None:
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SECONDS_BETWEEN_SWEEPS
            delete_old(self._sessions)


def send_one(settings: Settings, sessions: Sessions) -> bool:
    """Try the delivery that has waited longest; False when none is due."""
    claimed = _claim(sessions)
    if claimed is None:
        return False
    headers = {
        "content-type": "application/json",
        "content-length": str(len(claimed.body)),
        "user-agent": f"learn2compress/{installed_version()}",
        **signatures.headers(claimed.id, int(time.time()), claimed.body, claimed.secrets),
    }
    answer = posting.post(claimed.url, headers, claimed.body, settings.webhook_private_addresses)
    _record(sessions, claimed, answer)
    return True


def delete_old(sessions: Sessions) -> None:
    """What was delivered or given up stays in the list for a month."""
    old = WebhookDelivery.created_at < now() - DELIVERIES_STAY
    with sessions.begin() as session:
        session.execute(delete(WebhookDelivery).where(old, WebhookDelivery.state != "pending"))


def _claim(sessions: Sessions) -> Claimed | None:
    due = (WebhookDelivery.state == "pending", WebhookDelivery.next_try_at <= database_now())
    oldest = select(WebhookDelivery.id, WebhookDelivery.tries).where(*due)
    with sessions() as session:
        seen = session.execute(oldest.order_by(WebhookDelivery.next_try_at).limit(THREADS)).all()
    for each in seen:
        with sessions.begin() as session:
            this = (WebhookDelivery.id == each.id, WebhookDelivery.tries == each.tries, *due)
            taken = {"tries": each.tries + 1, "next_try_at": database_now(CLAIM_SECONDS)}
            change = update(WebhookDelivery).where(*this).values(taken)
            row = session.scalar(change.returning(WebhookDelivery))
            if row is None:
                continue  # another thread or process has it
            url = session.get_one(Webhook, row.webhook_id).url
            alive = or_(WebhookSecret.ends_at.is_(None), WebhookSecret.ends_at > now())
            mine = select(WebhookSecret.secret).where(WebhookSecret.webhook_id == row.webhook_id)
            keys = session.scalars(mine.where(alive).order_by(WebhookSecret.created_at.desc()))
            return Claimed(row.id, each.tries + 1, url, row.body.encode(), tuple(keys))
    return None


def _record(sessions: Sessions, claimed: Claimed, answer: posting.Answer) -> None:
    """Fenced by the number of the try: a replay, or a later try, is not overwritten."""
    result: dict[str, Any] = {"status": answer.status, "problem": answer.problem}
    if answer.accepted:
        result |= {"state": "delivered", "next_try_at": None}
    elif claimed.tries > len(PAUSES_SECONDS) or answer.status == GONE:
        result |= {"state": "given_up", "next_try_at": None}
    else:
        result |= {"next_try_at": database_now(PAUSES_SECONDS[claimed.tries - 1])}
    this = (WebhookDelivery.id == claimed.id, WebhookDelivery.tries == claimed.tries)
    with sessions.begin() as session:
        session.execute(update(WebhookDelivery).where(*this).values(result))
