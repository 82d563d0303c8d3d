"""The whole service as one process: the API, and beside it the worker loop where no Redis brings
jobs elsewhere.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import uvicorn

from service import database_version
from service.accounts.keys import first_key
from service.app import create_app
from service.contract.settings import Settings

SECONDS_TO_END = 10.0
SECONDS_BETWEEN_RESTARTS = 1.0
SECONDS_TO_SETTLE = 30.0
log = logging.getLogger(__name__)


class AddressUnusable(OSError):
    """Nothing can listen there; most likely something else does already."""


def run(settings: Settings, announce: Callable[[str, str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``announce`` is told the URL and the key once the socket
    listens.

    Raises AddressUnusable.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s api %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    database_version.prepare(settings)
    key = first_key(settings)
    with _listen(settings) as listener:
        announce(_url(settings.host, listener.getsockname()[1]), key)
        _serve(settings, listener)


class LoopKeeper:
    """Keeps one ``python -m workers.loop`` running; the loop itself ends when this process does.

    A loop that exits with an error soon after its start would do so every time: it stays down,
    ``failed`` is true and ``give_up`` is called, from another thread.
    """

    def __init__(self, settings: Settings, give_up: Callable[[], None]):
        self.failed = False
        self._settings = settings
        self._give_up = give_up
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="loop-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the loop to give a running job back and to end; kill it when it does not."""
        self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        # One thread starts every loop and waits for it: a loop dies with the thread that started
        # it.
        while not self._stop.is_set():
            command, started = (
                [sys.executable, "-m", "workers.loop", str(os.getpid())],
                time.monotonic(),
            )
            process = subprocess.Popen(
                command, env=self._settings.environment(), start_new_session=True
            )
            while process.poll() is None and not self._stop.wait(0.2):
                pass
            if self._stop.is_set():
                return _end(process)
            if process.returncode > 0 and time.monotonic() - started < SECONDS_TO_SETTLE:
                self.failed = True
                return self._give_up()
            log.warning("the worker loop ended with %s and is started again", process.returncode)
            self._stop.wait(SECONDS_BETWEEN_RESTARTS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _serve(settings: Settings, listener: socket.socket) -> None:
    app = create_app(settings)
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    keeper = (
        None
        if settings.redis_url
        else LoopKeeper(settings, lambda: setattr(server, "should_exit", True))
    )
    try:
        if keeper:
            keeper.start()
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        log.info("stopped")
    finally:
        if keeper:
            keeper.stop()
    if keeper and keeper.failed:
        raise SystemExit("Stopped, because the worker loop cannot run here; it says why above.")


def _listen(settings: Settings) -> socket.socket:
    try:
        return socket.create_server((settings.host, settings.port), family=_family(settings.host))
    except OSError as error:
        raise AddressUnusable(f"{_url(settings.host, settings.port)}: {error.strerror}") from error


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
