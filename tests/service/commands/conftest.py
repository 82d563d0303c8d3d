"""``l2c admin`` in this process, on the database of a running service."""

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from learn2compress.cli import app
from service.app_context import AppContext

Admin = Callable[..., Result]


@pytest.fixture
def admin(context: AppContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[Admin]:
    """Runs ``l2c admin`` with the settings of the service that ``api`` talks to."""
    for name in context.settings.model_fields_set:
        value = context.settings.environment()[f"L2C_{name.upper()}"]
        monkeypatch.setenv(f"L2C_{name.upper()}", value)
    monkeypatch.setenv("COLUMNS", "200")
    yield lambda *arguments: CliRunner().invoke(app, ["admin", *arguments])
