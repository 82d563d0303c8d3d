"""The web service: built once from its settings, everything wired here and handed inwards."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI

from service import database_version
from service.api import datasets, jobs, keys, models, problems, uploads, variants
from service.api import health as health_route
from service.api.small_bodies import SmallBodies
from service.app_context import AppContext
from service.contract.errors import Malformed, Unauthorized, Unavailable
from service.contract.records import connect, sessions
from service.contract.settings import Settings
from service.contract.storage import open_store
from service.contract.views import Problem
from service.jobs.events import Tailer
from service.notifier import open_notifier
from service.uploads.sweeping import sweep_until
from service.version import installed_version

DESCRIPTION = """Upload a large trained model and its data, get several small `.tflite` students, each with measured
figures. Every error is `application/problem+json` with a stable `code` and a `hint`."""


def create_app(settings: Settings) -> FastAPI:
    """The ASGI app. Its lifespan opens the database, which it migrates in the embedded mode, and
    the store.
    """
    app = FastAPI(
        title="learn2compress",
        version=installed_version(),
        description=DESCRIPTION,
        lifespan=lambda app: _lifespan(app, settings),
        redirect_slashes=False,
    )
    v1 = APIRouter(prefix="/v1", responses=problems.responses(Unauthorized, Malformed, Unavailable))
    for part in (uploads, models, datasets, jobs, variants, keys):
        v1.include_router(part.router)
    app.include_router(v1)
    app.include_router(health_route.router)
    problems.install(app)
    app.add_middleware(SmallBodies)
    _describe_problems(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    database_version.prepare(settings)
    engine = connect(settings.database)
    factory = sessions(engine)
    app.state.context = AppContext(
        settings, factory, open_store(settings), open_notifier(settings.redis_url, factory)
    )
    app.state.tailer = Tailer(factory)
    stop = threading.Event()
    sweeper = threading.Thread(
        target=sweep_until, args=(app.state.context, stop), name="sweeper", daemon=True
    )
    app.state.tailer.start()
    sweeper.start()
    try:
        yield
    finally:
        stop.set()
        app.state.tailer.stop()
        sweeper.join()
        engine.dispose()


def _describe_problems(app: FastAPI) -> None:
    """FastAPI knows the schemas of successes only; the routes refer to this one by name."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        description = generate()
        description["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return description

    app.openapi = openapi  # type: ignore[method-assign]
