"""One production of its own: PostgreSQL, Redis, S3, an API and workers, each of which may fail."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import redis
from celery import Celery

from service.contract.devices import RUN_JOB, Device, queue_of
from service.contract.settings import Settings
from tests import servers
from tests.server_processes import free_port
from tests.waiting import eventually
from tests.workers.conftest import WorkerUnderTest, open_worker

SECONDS_TO_START = 90.0
ROOT = Path(__file__).resolve().parents[2]
STAND_IN, ENGINE = "tests.workers.scripted_tasks", "workers.tasks"
WORKER_OPTIONS = ("--pool", "prefork", "--concurrency", "1", "--loglevel", "info")
API = ("-c", "from learn2compress.cli import app; app()", "serve")


class Server:
    """A server that can be stopped, started again and made to hang."""

    def __init__(self, installation: Any):
        self.installation = installation
        self._running = contextlib.ExitStack()
        self.start()

    def start(self) -> None:
        # While it was away, some connection may have taken one of its ports for a moment.
        self.process = eventually(self._try_to_start, SECONDS_TO_START, (RuntimeError,))

    def _try_to_start(self) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes]
        process = self._running.enter_context(self.installation.running())
        return process

    def stop(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait()
        self._running.close()

    def hang(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def answer_again(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._running.close()


class Site:
    """``jobs`` creates jobs and reads their rows; ``workers`` are processes of Celery.

    ``tasks`` is STAND_IN or ENGINE: what the workers run as their child.
    """

    def __init__(
        self,
        folder: Path,
        stack: contextlib.ExitStack,
        s3: bool,
        timings: dict[str, Any],
        tasks: str = STAND_IN,
    ):
        self.folder, self.tasks = folder, tasks
        self.postgres = self._server(stack, servers.postgres_installation())
        self.redis = self._server(stack, servers.redis_installation())
        self.store = self._server(stack, servers.s3_installation())
        bucket = self.store.installation.server.settings("faults") if s3 else {}
        places = {
            "database_url": self.postgres.installation.url,
            "redis_url": self.redis.installation.url,
        }
        self.settings = Settings(
            data_dir=folder / "worker", port=free_port(), **places, **bucket, **timings
        )
        self.jobs: WorkerUnderTest = open_worker(self.settings)
        self.workers: list[subprocess.Popen[bytes]] = []
        stack.callback(self.stop_workers)

    def _server(self, stack: contextlib.ExitStack, installation: Any) -> Server:
        server = Server(stack.enter_context(installation))
        stack.callback(server.close)
        return server

    def start_worker(self, before: Sequence[str] = (), **given: Any) -> subprocess.Popen[bytes]:
        """``before`` is a command that runs the worker, such as ``faketime``."""
        name = ("--hostname", f"worker{len(self.workers)}@site")
        quiet = ("--without-mingle", "--without-gossip")
        worker = ("-m", "celery", "-A", self.tasks, "worker")
        command = (*before, sys.executable, *worker, *WORKER_OPTIONS, *quiet, *name)
        settings = self.settings.model_copy(update=given)
        process = self._process(command, settings, "worker.log")
        self.workers.append(process)
        return process

    @contextlib.contextmanager
    def api(self) -> Iterator[subprocess.Popen[bytes]]:
        own = self.settings.model_copy(update={"data_dir": self.folder / "api"})
        process = self._process((sys.executable, *API), own, "api.log")
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _process(
        self, command: Sequence[str], settings: Settings, log: str
    ) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **settings.environment()}
        environment["L2C_DATA_DIR"] = str(settings.data_dir)
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def notify(self, job_id: str, times: int = 1) -> None:
        app = Celery(broker=self.settings.redis_url)
        for _ in range(times):
            app.send_task(RUN_JOB, [job_id], queue=queue_of(Device.ANY))

    def forget_messages(self) -> None:
        redis.Redis.from_url(self.settings.redis_url).flushall()

    def restart_postgres(self, seconds_away: float = 0.0) -> None:
        self.postgres.stop(signal.SIGINT)
        time.sleep(seconds_away)
        self.postgres.start()
        # Those of the benchmark itself, which the server has ended.
        self.jobs.context.sessions.kw["bind"].dispose()

    def stop_workers(self) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        self.workers.clear()
