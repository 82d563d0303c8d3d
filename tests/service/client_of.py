"""A real uvicorn in a thread, and a client of it that has a key."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from service.accounts import accounts
from service.app import create_app
from service.contract.settings import Settings
from service.serving import server_options
from tests.waiting import eventually


@contextmanager
def serving(settings: Settings, port: int = 0, **limits: Any) -> Iterator[httpx.Client]:
    """``client.context`` and ``client.app`` are the app's own; limits: of a connection."""
    app = create_app(settings)
    options = server_options(settings, **limits) | {"timeout_graceful_shutdown": 1}
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started)
        key = accounts.open_account(app.state.context.sessions, "first") or accounts.open_account(
            app.state.context.sessions, f"again-{threading.get_native_id()}-{id(server)}"
        )
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        with httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30
        ) as client:
            client.context, client.app = app.state.context, app  # type: ignore[attr-defined]
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
