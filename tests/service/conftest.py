"""The real app on SQLite with the directory store, and again on PostgreSQL with S3."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from service.accounts import accounts
from service.app import create_app
from service.app_context import AppContext
from service.contract.settings import Settings
from tests.service.client_of import serving

PART_SIZE = 64 * 1024
LIMIT = 1024 * 1024


@pytest.fixture
def embedded(tmp_path: Path, sqlite_template: Path) -> Settings:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(sqlite_template, data / sqlite_template.name)
    return Settings(
        data_dir=data, part_bytes=PART_SIZE, max_upload_bytes=LIMIT, key_memory_seconds=0
    )


@pytest.fixture(params=["sqlite-directory", "postgresql-s3"])
def settings(request: pytest.FixtureRequest, embedded: Settings) -> Settings:
    if request.param == "sqlite-directory":
        return embedded
    url = request.getfixturevalue("migrated_database")
    return Settings(
        **{**embedded.model_dump(), "database_url": url, **request.getfixturevalue("s3")}
    )


@pytest.fixture
def web(settings: Settings) -> Iterator[TestClient]:
    """The app without a key; unexpected errors become answers, as for any client."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def context(web: TestClient) -> AppContext:
    built: AppContext = web.app.state.context  # type: ignore[attr-defined]
    return built


@pytest.fixture
def api(web: TestClient, context: AppContext) -> TestClient:
    """The app as its first account sees it."""
    web.headers["Authorization"] = f"Bearer {accounts.open_account(context.sessions, 'first')}"
    return web


@pytest.fixture
def stranger(api: TestClient, context: AppContext) -> dict[str, str]:
    """The headers of another account."""
    return {"Authorization": f"Bearer {accounts.open_account(context.sessions, 'second')}"}


@pytest.fixture
def live(embedded: Settings) -> Iterator[httpx.Client]:
    """A client with a key, of a real uvicorn on a socket."""
    with serving(embedded) as client:
        yield client


@pytest.fixture
def embedded_api(embedded: Settings) -> Iterator[TestClient]:
    """``api`` in the embedded mode only."""
    with TestClient(create_app(embedded), raise_server_exceptions=False) as client:
        context: AppContext = client.app.state.context  # type: ignore[attr-defined]
        key = accounts.open_account(context.sessions, "first")
        client.headers["Authorization"] = f"Bearer {key}"
        yield client
