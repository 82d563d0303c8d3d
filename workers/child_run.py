"""Runs the child of one attempt to its end, and passes on what it says."""

import logging
import signal

from service.contract.job import JobError
from workers import sandbox
from workers.attempt import Attempt
from workers.checkpoint_keeper import CheckpointKeeper
from workers.child import Child
from workers.child_messages import (
    CheckpointMessage,
    Message,
    ProgressMessage,
    RefusalMessage,
    parse_line,
)
from workers.compression.work_folder import DONE, REFUSED
from workers.folder_limit import FolderLimit
from workers.outcomes import DISK_FULL, Crashed, Postponed, Refused, Stopping
from workers.relay import Relay
from workers.time_limits import TimeLimits

LOG = logging.getLogger(__name__)
TICK_SECONDS = 0.1
# A child that has closed stdout may still be shutting down.
LINGER_SECONDS = 10.0
READING_DOES_NOT_END = JobError(
    code="truncated_model",
    message="The model's file is damaged: reading it does not end.",
    hint="Upload the file again, and compare its size and sha256.",
)
OUT_OF_MEMORY_HINT = (
    "It was killed, most likely because memory ran out: use fewer or smaller images, or a worker "
    "with more memory."
)


def run_child(attempt: Attempt, limits: TimeLimits) -> None:
    """Return when the child has exited with success; raises every other outcome."""
    context, job_id = attempt.context, attempt.job.id
    child = Child(sandbox.start(context.command, attempt.folder, context.limits))
    try:
        attempt.watch.guard(child)
        last = _relay_messages(child, attempt, limits)
        status = child.wait(LINGER_SECONDS)
    finally:
        child.end()
    attempt.watch.check()
    if status == DONE:
        return
    LOG.warning("%s: the child ended with %d\n%s", job_id, status, child.tail())
    if status == REFUSED and isinstance(last, RefusalMessage):
        if last.code == DISK_FULL.code:
            raise Postponed(DISK_FULL, last.message)
        error = JobError(code=last.code, message=last.message, hint=last.hint)
        raise Refused(error, by_child=True)
    if status == -signal.SIGALRM:
        raise Refused(READING_DOES_NOT_END, by_child=True)
    if status == -signal.SIGKILL:
        raise Crashed("killed", OUT_OF_MEMORY_HINT)
    raise Crashed(f"exit status {status}")


def _relay_messages(child: Child, attempt: Attempt, limits: TimeLimits) -> Message | None:
    """Pass on the child's messages until it closes stdout; return the last one."""
    relay, checkpoints = Relay(attempt.lease), CheckpointKeeper(attempt)
    folder_limit = FolderLimit(attempt)
    last = None
    try:
        for line in child.lines(TICK_SECONDS):
            attempt.watch.check()
            limits.check()
            folder_limit.check()
            relay.tick()
            checkpoints.tick()
            if line is None or (message := parse_line(line)) is None:
                continue
            last = message
            if isinstance(message, ProgressMessage):
                limits.note(message)
                relay.add(message)
            elif isinstance(message, CheckpointMessage):
                checkpoints.add(message.epoch)
        attempt.watch.check()
    except Stopping:
        checkpoints.finish()
        raise
    relay.flush()
    checkpoints.finish()
    return last
