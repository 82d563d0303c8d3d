"""What a command of the server says where only the client is installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from learn2compress.cli.console import ExitCode, explain
from learn2compress.transport import ClientError


@contextmanager
def needs_the_service_extra() -> Iterator[None]:
    """Turn a failed import into an error that says which extra to install."""
    try:
        yield
    except ImportError as error:
        message = f"This command runs on the server and needs {error.name}."
        hint = "In a clone of learn2compress: pip install '.[service]'"
        raise explain(ClientError("not_installed", message, hint), ExitCode.USAGE) from None
