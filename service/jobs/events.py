"""The event stream: one thread per process reads the event table for all clients that watch jobs.

The ids of one job's events become visible in order, because whoever writes an event has locked the
job's row. So a cursor per watcher is enough; it is also what a client sends back to resume.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.caller import Caller
from service.contract.job import FINISHED
from service.contract.records import Job, JobEvent, Sessions
from service.ownership import visible

log = logging.getLogger(__name__)
# 50 clients then get events after 0.3 s (99th percentile) for 5 % of a core.
SECONDS_BETWEEN_LOOKS = 0.25
# Of one job, so that a client that reads events from the start does not delay the others.
MOST_EVENTS_PER_LOOK = 1000
MOST_JOBS_PER_QUERY = 200


@dataclass(eq=False)
class Watcher:
    """One client that watches a job.

    It gets its next events only after it took the last ones (``ready``), so that a slow client
    costs no memory.
    """

    job_id: str
    cursor: int
    loop: asyncio.AbstractEventLoop
    inbox: "asyncio.Queue[list[JobEvent]]" = field(default_factory=asyncio.Queue)
    ready: bool = True

    def feed(self, events: list[JobEvent]) -> None:
        """Hand over the events after the cursor; an empty list means that the job has ended."""
        self.ready = False
        if events:
            self.cursor = events[-1].id
        self.loop.call_soon_threadsafe(self.inbox.put_nowait, events)


class Tailer:
    """Started once per process; ``watch`` may be called from any number of event loops."""

    def __init__(self, sessions: Sessions):
        self._sessions = sessions
        self._watchers: set[Watcher] = set()
        self._changed = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-tailer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    async def watch(self, job_id: str, after: int) -> AsyncIterator[JobEvent]:
        """The job's events with ids above ``after``; ends after the event that ends the job."""
        watcher = Watcher(job_id, after, asyncio.get_running_loop())
        with self._changed:
            self._watchers.add(watcher)
        try:
            while events := await watcher.inbox.get():
                for event in events:
                    yield event
                watcher.ready = True
        finally:
            with self._changed:
                self._watchers.discard(watcher)

    def _run(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_LOOKS):
            try:
                self._look()
            except Exception:
                log.exception("could not look at the event table; looking again")

    def _look(self) -> None:
        with self._changed:
            ready = [watcher for watcher in self._watchers if watcher.ready]
        if not ready:
            return
        with self._sessions() as session:
            cursors = _cursors(ready)
            # Read before the events, so that all events of an ended job are among them.
            ended = _ended(session, set(cursors))
            events = {}
            for job_id in _with_news(session, cursors):
                events[job_id] = _after(session, job_id, cursors[job_id])
                if len(events[job_id]) == MOST_EVENTS_PER_LOOK:
                    ended.discard(job_id)
        for watcher in ready:
            self._feed(watcher, events.get(watcher.job_id, []), ended)

    def _feed(self, watcher: Watcher, events: list[JobEvent], ended: set[str]) -> None:
        fresh = [event for event in events if event.id > watcher.cursor]
        try:
            if fresh or watcher.job_id in ended:
                watcher.feed(fresh)
        except RuntimeError:
            # The client's event loop has ended, so its ``watch`` cannot remove the watcher.
            with self._changed:
                self._watchers.discard(watcher)


def watched_job(sessions: Sessions, caller: Caller, job_id: str) -> str:
    """The id of a job whose events the caller may see; raises NotFound."""
    with sessions() as session:
        return visible(session, Job, caller, job_id).id


def _ended(session: Session, job_ids: set[str]) -> set[str]:
    """Which of the jobs have ended or were deleted."""
    running = select(Job.id).where(Job.id.in_(job_ids), Job.state.not_in(FINISHED))
    return job_ids - set(session.scalars(running))


def _cursors(watchers: list[Watcher]) -> dict[str, int]:
    """For each job the least cursor of its watchers."""
    cursors: dict[str, int] = {}
    for watcher in watchers:
        cursors[watcher.job_id] = min(watcher.cursor, cursors.get(watcher.job_id, watcher.cursor))
    return cursors


def _with_news(session: Session, cursors: dict[str, int]) -> list[str]:
    """Those of the jobs that have events after their cursors."""
    found: list[str] = []
    pairs = iter(cursors.items())
    while some := list(islice(pairs, MOST_JOBS_PER_QUERY)):
        # As text: SQLAlchemy takes longer to build so many conditions than databases to answer.
        places = (f"job_id = :job_{n} AND id > :after_{n}" for n in range(len(some)))
        values: dict[str, str | int] = {f"job_{n}": job for n, (job, _) in enumerate(some)}
        values |= {f"after_{n}": cursor for n, (_, cursor) in enumerate(some)}
        query = f"SELECT DISTINCT job_id FROM {JobEvent.__tablename__} WHERE {' OR '.join(places)}"
        found += session.scalars(text(query), values)
    return found


def _after(session: Session, job_id: str, cursor: int) -> list[JobEvent]:
    """The next events of one job; limited, so that one long backlog does not delay other jobs."""
    wanted = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.id > cursor)
    return list(session.scalars(wanted.order_by(JobEvent.id).limit(MOST_EVENTS_PER_LOOK)))
