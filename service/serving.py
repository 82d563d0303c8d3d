"""The whole service as one process: the API and, without Redis, a worker loop beside it."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from service import database_version
from service.accounts.first_key import first_key
from service.app import create_app
from service.connection import ConnectionLimits, protocol
from service.contract import data_folder, logs
from service.contract.settings import Settings

# A loop gives a running job back within two seconds.
SECONDS_TO_END = 10.0
SECONDS_BETWEEN_RESTARTS = 1.0
# A loop that ends sooner than this did not crash on a job: it cannot run here.
SECONDS_TO_SETTLE = 30.0
log = logging.getLogger(__name__)


class AddressUnusable(OSError):
    """Nothing can listen there; most likely something else does already."""


def run(settings: Settings, announce: Callable[[str, str], None]) -> None:
    """Serve until SIGINT or SIGTERM. Raises AddressUnusable.

    ``announce`` is called once the socket listens, with the URL and with the key if it is new.
    """
    logs.configure(settings.log_format, "api")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    data_folder.prepare(settings)
    database_version.prepare(settings)
    key = first_key(settings)
    with _listen(settings) as listener:
        announce(_url(settings.host, listener.getsockname()[1]), key)
        _serve(settings, listener)


def server_options(settings: Settings, **limits: Any) -> dict[str, Any]:
    """How uvicorn serves the app; ``limits`` replace fields of ConnectionLimits."""
    connection = ConnectionLimits(connections=settings.max_connections, **limits)
    return {
        "http": protocol(connection),
        "ws": "none",
        "server_header": False,
        "log_config": None,
        "access_log": False,
        "timeout_graceful_shutdown": 3,
    }


class LoopKeeper:
    """Keeps one ``python -m workers.loop`` running; the loop itself ends when this process does.

    A loop that exits with an error soon after its start would do so every time: it is not started
    again, ``failed`` becomes true and ``give_up`` is called, from another thread.
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
        """End the loop, which gives a running job back; kill it if it does not end."""
        self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        # One thread starts all loops and waits: a loop ends with the thread that started it.
        while not self._stop.is_set():
            started = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-m", "workers.loop", str(os.getpid())],
                env=self._settings.environment(),
                start_new_session=True,
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
    server = uvicorn.Server(uvicorn.Config(app, **server_options(settings)))
    keeper = None
    if not settings.redis_url:
        keeper = LoopKeeper(settings, lambda: setattr(server, "should_exit", True))
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
        raise SystemExit(
            "Stopped: the worker loop cannot run here. Its own message above says why."
        )


def _listen(settings: Settings) -> socket.socket:
    try:
        return socket.create_server((settings.host, settings.port), family=_family(settings.host))
    except OSError as error:
        raise AddressUnusable(f"{_url(settings.host, settings.port)}: {error.strerror}") from error


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
