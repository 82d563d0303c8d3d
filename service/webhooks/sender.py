"""Threads of an API process that send what the outbox holds; several processes share the work."""

import collections
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import Counter
from sqlalchemy import ColumnElement, Row, delete, or_, select, update

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
THREADS_OF_ACCOUNT = 2
"""So that an account whose receivers are slow leaves threads to the others."""
GONE = 410
"""With this answer a receiver says that it wants no more of it."""


@dataclass(frozen=True)
class Claimed:
    """A delivery that nobody else tries before ``until``, by the database's clock."""

    id: str
    account_id: str
    tries: int
    until: datetime
    url: str
    body: bytes
    secrets: tuple[str, ...]


class InHand:
    """Of which accounts this process sends something at this moment, and how much."""

    def __init__(self) -> None:
        self._counts: collections.Counter[str] = collections.Counter()
        self._changed = threading.Lock()

    def enter(self, account_id: str) -> bool:
        """Whether there was a place for one more."""
        with self._changed:
            free = self._counts[account_id] < THREADS_OF_ACCOUNT
            self._counts[account_id] += free
            return free

    def leave(self, account_id: str) -> None:
        with self._changed:
            self._counts[account_id] -= 1
            self._counts = +self._counts  # without those that are at 0

    def full(self) -> list[str]:
        with self._changed:
            return [one for one, count in self._counts.items() if count >= THREADS_OF_ACCOUNT]


class Sender:
    """Sends from ``start`` to ``stop``. What a stopped one had claimed is tried again later."""

    def __init__(self, settings: Settings, sessions: Sessions, tries: Counter):
        """``tries`` has the label ``outcome``: accepted or failed."""
        self._settings, self._sessions, self._tries = settings, sessions, tries
        self._in_hand, self._stop = InHand(), threading.Event()
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
                answer = send_one(self._settings, self._sessions, self._in_hand)
                if answer:
                    self._tries.labels("accepted" if answer.accepted else "failed").inc()
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


def send_one(settings: Settings, sessions: Sessions, in_hand: InHand) -> posting.Answer | None:
    """Try the delivery that has waited longest, of an account with a free place.

    None when none is due.
    """
    claimed = _claim(sessions, in_hand)
    if claimed is None:
        return None
    try:
        return _send(settings, sessions, claimed)
    finally:
        in_hand.leave(claimed.account_id)


def _send(settings: Settings, sessions: Sessions, claimed: Claimed) -> posting.Answer:
    headers = {
        "content-type": "application/json",
        "content-length": str(len(claimed.body)),
        "user-agent": f"learn2compress/{installed_version()}",
        **signatures.headers(claimed.id, int(time.time()), claimed.body, claimed.secrets),
    }
    answer = posting.post(claimed.url, headers, claimed.body, settings.webhook_private_addresses)
    _record(sessions, claimed, answer)
    return answer


def delete_old(sessions: Sessions) -> None:
    """What was delivered or given up stays in the list for a month."""
    old = WebhookDelivery.created_at < now() - DELIVERIES_STAY
    with sessions.begin() as session:
        session.execute(delete(WebhookDelivery).where(old, WebhookDelivery.state != "pending"))


def _claim(sessions: Sessions, in_hand: InHand) -> Claimed | None:
    """Look again where all that was seen is taken: something younger may be due."""
    while seen := _due(sessions, in_hand.full()):
        for each in seen:
            if not in_hand.enter(each.account_id):
                continue
            claimed = None
            try:
                claimed = _take(sessions, each)
            finally:
                if claimed is None:
                    in_hand.leave(each.account_id)
            if claimed:
                return claimed
    return None


def _due(sessions: Sessions, full_accounts: list[str]) -> Sequence[Row[str, int, str]]:
    columns = (WebhookDelivery.id, WebhookDelivery.tries, Webhook.account_id)
    oldest = select(*columns).join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
    oldest = oldest.where(*_pending_now(), Webhook.account_id.not_in(full_accounts))
    with sessions() as session:
        return session.execute(oldest.order_by(WebhookDelivery.next_try_at).limit(THREADS)).all()


def _take(sessions: Sessions, seen: Row[str, int, str]) -> Claimed | None:
    """None if another thread or process has it."""
    this = (WebhookDelivery.id == seen.id, WebhookDelivery.tries == seen.tries, *_pending_now())
    taken = {"tries": seen.tries + 1, "next_try_at": database_now(CLAIM_SECONDS)}
    change = update(WebhookDelivery).where(*this).values(taken)
    with sessions.begin() as session:
        row = session.scalar(change.returning(WebhookDelivery))
        if row is None:
            return None
        webhook = session.get_one(Webhook, row.webhook_id)
        alive = or_(WebhookSecret.ends_at.is_(None), WebhookSecret.ends_at > now())
        mine = select(WebhookSecret.secret).where(WebhookSecret.webhook_id == row.webhook_id)
        keys = session.scalars(mine.where(alive).order_by(WebhookSecret.created_at.desc()))
        return Claimed(
            row.id,
            webhook.account_id,
            row.tries,
            row.next_try_at,
            webhook.url,
            row.body.encode(),
            tuple(keys),
        )


def _pending_now() -> tuple[ColumnElement[bool], ...]:
    return WebhookDelivery.state == "pending", WebhookDelivery.next_try_at <= database_now()


def _record(sessions: Sessions, claimed: Claimed, answer: posting.Answer) -> None:
    """Fenced by the moment of the claim: a replay, or a later try, is not overwritten.

    Not by the number of the try: a replay starts to count again.
    """
    result: dict[str, Any] = {"status": answer.status, "problem": answer.problem}
    if answer.accepted:
        result |= {"state": "delivered", "next_try_at": None}
    elif claimed.tries > len(PAUSES_SECONDS) or answer.status == GONE:
        result |= {"state": "given_up", "next_try_at": None}
    else:
        result |= {"next_try_at": database_now(PAUSES_SECONDS[claimed.tries - 1])}
    this = (WebhookDelivery.id == claimed.id, WebhookDelivery.next_try_at == claimed.until)
    with sessions.begin() as session:
        session.execute(update(WebhookDelivery).where(*this).values(result))
