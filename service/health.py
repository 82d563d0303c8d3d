"""Whether the service can do its work right now."""

import logging
from collections.abc import Callable

from sqlalchemy import text

from service.contract.errors import Unavailable
from service.house import House
from service.version import installed_version

log = logging.getLogger(__name__)


def check(house: House) -> str:
    """The service's version; raises Unavailable when the database or the store does not answer."""
    _answers("database", lambda: _ask_database(house))
    _answers("object store", house.store.check)
    return installed_version()


def _answers(what: str, ask: Callable[[], None]) -> None:
    try:
        ask()
    except Exception as error:
        log.warning("the %s does not answer: %s", what, error)
        raise Unavailable(f"The {what} does not answer.") from error


def _ask_database(house: House) -> None:
    with house.sessions() as session:
        session.execute(text("SELECT 1"))
