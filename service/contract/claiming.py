"""What a worker may take, as conditions on a job's row: of workers, and of the figures of jobs."""

from sqlalchemy import and_, or_, select

from service.contract.database_clock import database_now
from service.contract.job import JobState
from service.contract.records import Account, Job

ORPHANED = and_(Job.state == JobState.RUNNING, Job.lease_expires_at < database_now())
"""Running under a lease that ran out."""
WAITING = and_(
    Job.state == JobState.QUEUED,
    or_(Job.not_before.is_(None), Job.not_before <= database_now()),
)
"""Queued, and not in a pause. Those of suspended accounts, too."""
ACTIVE = Job.account_id.in_(select(Account.id).where(Account.suspended_at.is_(None)))
"""Of an account that is not suspended."""
