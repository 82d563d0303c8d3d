"""Deletions from the object store that survive an outage.

A deletion is a row, written in the same transaction as the rows that it belongs to, and removed
once the store has confirmed. When the process or the store fails before, the row stays, and the
deletion is tried again.
"""

import logging

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.contract.records import Deletion, Sessions
from service.contract.storage import Store

log = logging.getLogger(__name__)


def schedule_deletion(session: Session, *prefixes: str) -> None:
    """Delete every key with one of these prefixes, some time after the transaction commits."""
    session.add_all(Deletion(prefix=prefix) for prefix in prefixes)


def run_scheduled_deletions(sessions: Sessions, store: Store) -> int:
    """Run the scheduled deletions until one fails. Returns how many succeeded.

    The one that failed moves to the end, so that it does not block the others.
    """
    with sessions() as session:
        scheduled = list(session.scalars(select(Deletion).order_by(Deletion.id)))
    for number, deletion in enumerate(scheduled):
        if not _is_scheduled(sessions, deletion):
            continue
        try:
            store.delete(deletion.prefix)
        except Exception as error:
            # Most likely the store does not answer; asking it for the others would only wait.
            log.warning("could not delete %s, trying again later: %s", deletion.prefix, error)
            _remove(sessions, deletion, schedule_again=True)
            return number
        _remove(sessions, deletion)
    return len(scheduled)


def _is_scheduled(sessions: Sessions, deletion: Deletion) -> bool:
    """False where it was done by another process, or called off since the list was read."""
    with sessions() as session:
        return session.get(Deletion, deletion.id) is not None


def _remove(sessions: Sessions, deletion: Deletion, schedule_again: bool = False) -> None:
    with sessions.begin() as session:
        this = delete(Deletion).where(Deletion.id == deletion.id).returning(Deletion.id)
        # Another process may have removed it.
        if session.scalar(this) is not None and schedule_again:
            schedule_deletion(session, deletion.prefix)
