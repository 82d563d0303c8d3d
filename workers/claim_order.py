"""Which job a worker takes next.

Those whose worker was lost come first. Inspections take seconds and have users who wait for them:
oldest first, beside the compression in hand. Of compressions, first comes that of the account that
has the fewest running, and among equals the one that was served longest ago. Within an account
``priority`` and age decide. So an account with a hundred jobs does not make another one's single
job wait for all.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all
from sqlalchemy.orm import aliased

from service.contract.claiming import ACTIVE, ORPHANED, WAITING
from service.contract.devices import Device, taken_by
from service.contract.job import JobKind, JobState
from service.contract.records import Account, Job, Sessions

INSPECTIONS = [kind for kind in JobKind if kind != JobKind.COMPRESSION]
NextJob = Callable[[Sessions], str | None]


def claimable() -> ColumnElement[bool]:
    return and_(or_(WAITING, ORPHANED), ACTIVE)


def next_inspection(sessions: Sessions) -> str | None:
    with sessions() as session:
        lost = session.scalars(_lost(INSPECTIONS, [Device.ANY])).first()
        found = [session.execute(_oldest_waiting(kind)).first() for kind in INSPECTIONS]
    waiting = sorted((row.created_at, row.id) for row in found if row)
    return lost or (str(waiting[0][1]) if waiting else None)


def next_compression(sessions: Sessions, worker: Device) -> str | None:
    """Of the jobs that a worker with this device takes."""
    with sessions() as session:
        lost = session.scalars(_lost([JobKind.COMPRESSION], taken_by(worker))).first()
        return lost or session.scalars(_next_in_turn(taken_by(worker))).first()


def _oldest_waiting(kind: JobKind) -> Select[datetime, str]:
    """Of one kind: for several, SQLite reads every row that waits."""
    waiting = select(Job.created_at, Job.id).where(Job.kind == kind, WAITING, ACTIVE)
    return waiting.order_by(Job.created_at).limit(1)


def _lost(kinds: Sequence[JobKind], devices: Sequence[Device]) -> Select[str]:
    """The job of these kinds and devices whose worker was lost first."""
    # In the order of the index that finds them: for another order, databases read the whole table.
    of_these = (Job.kind.in_(kinds), Job.device.in_(devices))
    lost = select(Job.id).where(*of_these, ORPHANED, ACTIVE)
    return lost.order_by(Job.lease_expires_at).limit(1)


def _next_in_turn(devices: Sequence[Device]) -> Any:
    """The best waiting job of each account, in the order in which accounts are served.

    One look into an index for each account and device, however many jobs wait.
    """
    other = aliased(Job)
    best = _first_of_account(devices)
    running = select(func.count()).where(
        other.account_id == Account.id,
        other.state == JobState.RUNNING,
        other.kind == JobKind.COMPRESSION,
    )
    accounts = (
        select(
            best.scalar_subquery().label("job_id"),
            running.correlate(Account).scalar_subquery().label("running"),
            Account.last_served_at,
            Account.created_at,
        )
        .where(Account.suspended_at.is_(None))
        .subquery()
    )
    order = (
        accounts.c.running,
        accounts.c.last_served_at.is_not(None),
        accounts.c.last_served_at,
        accounts.c.created_at,
    )
    return select(accounts.c.job_id).where(accounts.c.job_id.is_not(None)).order_by(*order).limit(1)


def _first_of_account(devices: Sequence[Device]) -> Any:
    """The waiting job of ``Account`` with the lowest priority, the oldest among equals."""
    firsts = []
    for device in devices:
        waiting = select(Job.priority, Job.created_at, Job.id).where(
            Job.account_id == Account.id,
            Job.kind == JobKind.COMPRESSION,
            Job.device == device,
            WAITING,
        )
        first = waiting.order_by(Job.priority, Job.created_at).limit(1).correlate(Account)
        firsts.append(select(first.subquery()))
    each = union_all(*firsts).subquery()
    return select(each.c.id).order_by(each.c.priority, each.c.created_at).limit(1)
