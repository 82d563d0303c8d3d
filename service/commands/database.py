"""How commands of an operator reach the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from learn2compress.transport import Refused
from service.commands.extras import needs_the_service_extra
from service.contract.errors import Learn2CompressError
from service.contract.settings import Settings

if TYPE_CHECKING:
    from service.accounts.operations import Operations
    from service.jobs.operations import JobOperations


@contextmanager
def on_the_database() -> Iterator["Operations"]:
    """On the database that L2C_DATABASE_URL or L2C_DATA_DIR names.

    Raises Refused for what the service would refuse, too.
    """
    with needs_the_service_extra():
        from service.accounts.operations import open_operations
    with refusals_as_of_the_service(), open_operations(Settings()) as operations:
        yield operations


@contextmanager
def jobs_on_the_database() -> Iterator["JobOperations"]:
    """``on_the_database``, for jobs and workers."""
    with on_the_database() as operations:
        from service.jobs.operations import JobOperations

        yield JobOperations(operations.sessions)


@contextmanager
def refusals_as_of_the_service() -> Iterator[None]:
    """Turn errors of the service into Refused."""
    try:
        yield
    except Learn2CompressError as error:
        raise Refused(error.status, error.code, error.message, error.hint) from error
