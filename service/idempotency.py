"""Creating requests that may be sent twice: the second gets the answer of the first.

After draft-ietf-httpapi-idempotency-key-header. What was created is noted in the transaction that
creates it, its answer after that: where a process dies, or the database is lost, in between, the
second request is sent on to what was created. What was refused is tried again.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Update, delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.caller import Caller
from service.contract.account_records import IdempotentRequest as Row
from service.contract.errors import (
    IdempotencyKeyMalformed,
    IdempotencyKeyReused,
    RequestUnderWay,
    SecretNotKept,
)
from service.contract.records import Sessions, now

ANSWERS_ARE_KEPT = timedelta(hours=24)
# If a process dies in the middle of a request, its key is free again after this time.
LONGEST_REQUEST = timedelta(minutes=2)
# The same for a file: between two of its parts.
LONGEST_PART = timedelta(minutes=15)
SEE_OTHER = 303
LONGEST_KEY = 255


@dataclass(frozen=True)
class Answer:
    """SEE_OTHER has no body; it stands for an answer that was lost."""

    status: int
    location: str | None
    body: str | None


class Repeated(Exception):
    """The request was answered before, with ``answer``."""

    def __init__(self, answer: Answer):
        super().__init__("answered before")
        self.answer = answer


@dataclass(frozen=True)
class Claim:
    """The right to work on a request; ``keep`` or ``release`` ends it."""

    sessions: Sessions
    account_id: str
    key: str
    token: str
    has_secret: bool = False

    def keep(self, answer: Answer) -> None:
        """Store the answer for a day."""
        values = {
            "status": answer.status,
            "location": answer.location,
            "body": None if self.has_secret else answer.body,
        }
        with self.sessions.begin() as session:
            session.execute(update(Row).where(*self._ours).values(values))

    def release(self) -> None:
        """The request failed: unless it has created something, its key is free."""
        with self.sessions.begin() as session:
            session.execute(delete(Row).where(*self._ours, Row.status.is_(None)))

    @property
    def _ours(self) -> tuple[ColumnElement[bool], ...]:
        this = (Row.account_id == self.account_id, Row.key == self.key)
        return *this, Row.token == self.token


def checked(key: str) -> str:
    """The key. Raises IdempotencyKeyMalformed."""
    if not 1 <= len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise IdempotencyKeyMalformed(
            f"Idempotency-Key must have 1 to {LONGEST_KEY} printable ASCII characters."
        )
    return key


def claim(claimed: Claim, fingerprint: str, longest: timedelta = LONGEST_REQUEST) -> None:
    """Begin a request of at most ``longest``.

    Raises Repeated if it was answered before, RequestUnderWay while it is not, SecretNotKept for an
    answer that was not kept, IdempotencyKeyReused for another request with the same key.
    """
    fresh: dict[str, Any] = {
        "fingerprint": fingerprint,
        "token": claimed.token,
        "status": None,
        "location": None,
        "body": None,
        "expires_at": now() + longest,
    }
    try:
        with claimed.sessions.begin() as session:
            session.add(Row(account_id=claimed.account_id, key=claimed.key, **fresh))
    except IntegrityError:
        found = _found(claimed)
        if found.expires_at > now() or not _take_over(claimed, found, fresh):
            raise _reason(found, fingerprint, claimed.has_secret) from None


def note_created(session: Session, caller: Caller, collection: str, object_id: str) -> None:
    """Call it in the transaction that creates the object ``/v1/<collection>/<object_id>``.

    Raises RequestUnderWay if the request took so long that another one took its key over.
    """
    if caller.request_token is None:
        return
    values = {
        "status": SEE_OTHER,
        "location": f"/v1/{collection}/{object_id}",
        "expires_at": now() + ANSWERS_ARE_KEPT,
    }
    noted = session.execute(_under_way(caller).values(values).returning(Row.key))
    if noted.scalar() is None:
        raise RequestUnderWay("Another request with this Idempotency-Key is under way.")


def extend(sessions: Sessions, caller: Caller) -> None:
    """Another part of the request's file has arrived."""
    if caller.request_token is not None:
        with sessions.begin() as session:
            session.execute(_under_way(caller).values(expires_at=now() + LONGEST_PART))


def _under_way(caller: Caller) -> Update:
    this = (Row.account_id == caller.account_id, Row.token == caller.request_token)
    return update(Row).where(*this, Row.status.is_(None))


def new_token() -> str:
    return secrets.token_hex(16)


def delete_expired(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(delete(Row).where(Row.expires_at < now()))


def _found(claimed: Claim) -> Row:
    with claimed.sessions() as session:
        found = session.get(Row, (claimed.account_id, claimed.key))
    if found is None:
        raise RequestUnderWay("The first request with this key has just ended without success.")
    return found


def _take_over(claimed: Claim, found: Row, fresh: dict[str, Any]) -> bool:
    """Compare-and-set: of several requests that find the row expired, one gets it."""
    this = (Row.account_id == claimed.account_id, Row.key == claimed.key)
    with claimed.sessions.begin() as session:
        taken = session.execute(update(Row).where(*this, Row.token == found.token).values(fresh))
        return isinstance(taken, CursorResult) and taken.rowcount == 1


def _reason(found: Row, fingerprint: str, has_secret: bool) -> Exception:
    if found.fingerprint != fingerprint:
        return IdempotencyKeyReused("This Idempotency-Key was sent with another request.")
    if found.status is None:
        return RequestUnderWay("The first request with this Idempotency-Key is not answered yet.")
    if has_secret:
        return SecretNotKept("This request was answered before, with a secret that is not stored.")
    return Repeated(Answer(found.status, found.location, found.body))
