"""The audit log: who created, changed or deleted what.

What was done is written in the transaction that does it, what was refused in one of its own.
"""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service import paging
from service.caller import Caller
from service.contract.records import AuditEntry, Sessions, now
from service.contract.settings import Settings

OPERATOR, RETENTION = "operator", "retention"
DONE = "done"


def record(session: Session, caller: Caller, action: str, object_id: str) -> None:
    """``action`` is a noun and a verb: ``job.create``. Written when the transaction commits."""
    session.add(_entry(caller, action, object_id, DONE))


def record_actor(
    session: Session, account_id: str, actor: str, action: str, object_id: str
) -> None:
    """The same, of OPERATOR or RETENTION."""
    session.add(
        AuditEntry(
            account_id=account_id, actor=actor, action=action, object_id=object_id, outcome=DONE
        )
    )


def record_refusal(
    sessions: Sessions, caller: Caller, action: str, object_id: str | None, code: str
) -> None:
    """``code`` is that of the error."""
    with sessions.begin() as session:
        session.add(_entry(caller, action, object_id, code))


def browse(
    sessions: Sessions,
    account_id: str,
    wanted: paging.PageRequest,
    action: str | None,
    object_id: str | None,
) -> paging.Page[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.account_id == account_id)
    if action is not None:
        query = query.where(AuditEntry.action == action)
    if object_id is not None:
        query = query.where(AuditEntry.object_id == object_id)
    with sessions() as session:
        return paging.page(session, query, AuditEntry, wanted)


def delete_old(settings: Settings, sessions: Sessions) -> None:
    """Entries older than the settings keep them."""
    if settings.audit_days:
        before = now() - timedelta(days=settings.audit_days)
        with sessions.begin() as session:
            session.execute(delete(AuditEntry).where(AuditEntry.created_at < before))


def _entry(caller: Caller, action: str, object_id: str | None, outcome: str) -> AuditEntry:
    return AuditEntry(
        account_id=caller.account_id,
        actor=caller.key_id,
        action=action,
        object_id=object_id,
        address=caller.address,
        outcome=outcome,
    )
