"""Whether the service can do its work right now."""

import logging
from collections.abc import Callable

from sqlalchemy import text

from service.app_context import AppContext
from service.contract.errors import Unavailable
from service.version import installed_version

log = logging.getLogger(__name__)


def check(context: AppContext) -> str:
    """The service's version; raises Unavailable when the database or the store does not answer."""
    _answers("database", lambda: _ask_database(context))
    _answers("object store", context.store.check)
    return installed_version()


def _answers(what: str, ask: Callable[[], None]) -> None:
    try:
        ask()
    except Exception as error:
        log.warning("the %s does not answer: %s", what, error)
        raise Unavailable(f"The {what} does not answer.") from error


def _ask_database(context: AppContext) -> None:
    with context.sessions() as session:
        session.execute(text("SELECT 1"))
