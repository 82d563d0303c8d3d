"""Pooled connections are tried before use only if they were idle: a try costs a query."""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

# One that was used a moment ago is alive nearly always; if it is not, one request is answered 503.
IDLE_SECONDS = 1.0


def try_idle_connections(engine: Engine) -> None:
    """As ``pool_pre_ping``, which tries every connection at every use."""

    @event.listens_for(engine, "checkin")
    def _note(_: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _try(connection: Any, record: Any, _: Any) -> None:
        since = record.info.get("idle_since")
        if since is None or time.monotonic() - since < IDLE_SECONDS:
            return
        try:
            alive = engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError("the connection was lost while it was idle") from error
        if not alive:
            raise DisconnectionError("the connection was lost while it was idle")
