"""The folders in which attempts work: one for each, named by the job and the lease's token."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from service.contract.records import Job
from workers.lease import Lease
from workers.removal import remove_tree
from workers.worker_context import WorkerContext

LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def attempt_folder(lease: Lease, context: WorkerContext) -> Iterator[Path]:
    """The child's work folder, in a folder of this attempt; older ones of the job are removed."""
    work_dir = context.settings.work_dir
    for leftover in work_dir.glob(f"{lease.job_id}.*"):
        _remove(leftover)
    own = work_dir / f"{lease.job_id}.{lease.token}"
    folder = own / "child"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        _remove(own)


def sweep_attempt_folders(context: WorkerContext) -> None:
    """Remove folders of attempts that hold no lease any more, e.g. of a worker that was killed."""
    for folder in context.settings.work_dir.glob("job_*.*"):
        job_id, token = folder.name.split(".", 1)
        with context.sessions() as session:
            leased = session.scalar(select(Job.lease_token).where(Job.id == job_id))
        if leased != token:
            LOG.info("removing %s of an attempt that has ended", folder)
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove the folder; what is left of it never decides how an attempt or a start ends."""
    try:
        remove_tree(folder)
    except OSError as error:
        LOG.warning("%s: not removed: %s", folder, error)
