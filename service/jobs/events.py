"""What jobs say, as it happens: one thread per process looks at the event table and feeds everyone
who watches.

The ids of one job's events become visible in order, because whoever writes an event holds the job's
row: so a cursor per watcher is enough, and it is also what a client sends back to resume.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.contract.errors import NotFound
from service.contract.job import FINISHED, JobKind
from service.contract.records import Job, JobEvent, Sessions

log = logging.getLogger(__name__)
SECONDS_BETWEEN_LOOKS = 0.25
MOST_EVENTS_PER_LOOK = 1000  # of one job


@dataclass(eq=False)
class Watcher:
    """One client. It gets its next events only once it has taken the last ones, so a slow client
    costs no memory.
    """

    job_id: str
    cursor: int
    loop: asyncio.AbstractEventLoop
    inbox: "asyncio.Queue[list[JobEvent]]" = field(default_factory=asyncio.Queue)
    hungry: bool = True

    def feed(self, events: list[JobEvent]) -> None:
        """``events`` that follow the cursor; none says that there will be no more."""
        self.hungry = False
        self.cursor = events[-1].id if events else self.cursor
        self.loop.call_soon_threadsafe(self.inbox.put_nowait, events)


class Tailer:
    """Start it once per process; ``watch`` belongs to an event loop, any number of them."""

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
                watcher.hungry = True
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
            hungry = [watcher for watcher in self._watchers if watcher.hungry]
        if not hungry:
            return
        with self._sessions() as session:
            ended = _ended(session, {watcher.job_id for watcher in hungry})
            events = {
                job_id: _after(session, job_id, cursor)
                for job_id, cursor in _cursors(hungry).items()
            }
        ended -= {job_id for job_id, found in events.items() if len(found) == MOST_EVENTS_PER_LOOK}
        for watcher in hungry:
            self._feed(watcher, events[watcher.job_id], ended)

    def _feed(self, watcher: Watcher, events: list[JobEvent], ended: set[str]) -> None:
        fresh = [event for event in events if event.id > watcher.cursor]
        try:
            if fresh or watcher.job_id in ended:
                watcher.feed(fresh)
        except (
            RuntimeError
        ):  # the client's event loop is gone, and nobody will take it off the list
            with self._changed:
                self._watchers.discard(watcher)


def watched_job(sessions: Sessions, account_id: str, job_id: str) -> str:
    """The id of a job whose events the account may see; raises NotFound."""
    mine = (Job.id == job_id, Job.account_id == account_id, Job.kind == JobKind.COMPRESSION)
    with sessions() as session:
        if session.scalar(select(Job.id).where(*mine)) is None:
            raise NotFound(f"There is no job {job_id}.")
    return job_id


def _ended(session: Session, job_ids: set[str]) -> set[str]:
    """Read before the events: whatever an ended job said is then among them. A job that is gone has
    ended too.
    """
    running = set(
        session.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.state.not_in(FINISHED)))
    )
    return job_ids - running


def _cursors(watchers: list[Watcher]) -> dict[str, int]:
    """Of each job, how far the one who has seen least of it has come."""
    cursors: dict[str, int] = {}
    for watcher in watchers:
        cursors[watcher.job_id] = min(watcher.cursor, cursors.get(watcher.job_id, watcher.cursor))
    return cursors


def _after(session: Session, job_id: str, cursor: int) -> list[JobEvent]:
    """A query for each job: a long backlog of one must not hold up the others."""
    wanted = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.id > cursor)
    return list(session.scalars(wanted.order_by(JobEvent.id).limit(MOST_EVENTS_PER_LOOK)))
