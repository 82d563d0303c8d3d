"""Deletions from the object store that survive an outage.

A deletion is a row, written in the same transaction as the rows that it belongs to, and removed
once the store has confirmed. So a crash or an outage between the two leaves no orphaned object.
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


def work_off_deletions(sessions: Sessions, store: Store) -> int:
    """Delete what is scheduled, until one deletion fails; how many prefixes are gone.

    The one that failed becomes the last, so that it does not keep back the others next time.
    """
    with sessions() as session:
        scheduled = list(session.scalars(select(Deletion).order_by(Deletion.id)))
    for number, deletion in enumerate(scheduled):
        try:
            store.delete(deletion.prefix)
        except Exception as error:
            # Most likely the store does not answer; asking it for the others would only wait.
            log.warning("could not delete %s, trying again later: %s", deletion.prefix, error)
            _remove(sessions, deletion, schedule_again=True)
            return number
        _remove(sessions, deletion)
    return len(scheduled)


def _remove(sessions: Sessions, deletion: Deletion, schedule_again: bool = False) -> None:
    with sessions.begin() as session:
        this = delete(Deletion).where(Deletion.id == deletion.id).returning(Deletion.id)
        # Another process may have removed it.
        if session.scalar(this) is not None and schedule_again:
            schedule_deletion(session, deletion.prefix)
