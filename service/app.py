"""The web service: built once from its settings; everything is wired here and passed on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from service import database_version, metrics
from service.accounts.authentication import Authentication
from service.api import (
    account,
    audit,
    inspected,
    jobs,
    keys,
    problems,
    refusals,
    uploads,
    variants,
    webhooks,
)
from service.api import health as health_route
from service.api.idempotent_answers import IdempotentAnswers, answer_again
from service.api.observing import Observing
from service.api.rate_limit_headers import RateLimitHeaders
from service.api.small_bodies import SmallBodies
from service.app_context import AppContext
from service.cleanup import Cleanup
from service.contract.errors import (
    AccountSuspended,
    Forbidden,
    Malformed,
    RateLimited,
    StoreUnavailable,
    Unauthorized,
    Unavailable,
)
from service.contract.job_views import ProgressEventView, StateEventView
from service.contract.records import connect, sessions
from service.contract.settings import Settings
from service.contract.storage import open_store
from service.contract.version import installed_version
from service.contract.views import DatasetView, ModelView, Problem
from service.idempotency import Repeated
from service.job_metrics import JobCollector
from service.jobs.events import Tailer
from service.jobs.inspections import DATASETS, MODELS
from service.notifier import open_notifier
from service.readiness import Readiness
from service.security_headers import SecurityHeaders
from service.store_threads import HashingThreads, StoreThreads
from service.webhooks.sender import Sender

DESCRIPTION = """Upload a large trained model and its data, get several small `.tflite` students,
each with measured figures. Every error is `application/problem+json` with a stable `code` and a
`hint`."""
ANYWHERE = (
    Unauthorized,
    Forbidden,
    AccountSuspended,
    RateLimited,
    Malformed,
    Unavailable,
    StoreUnavailable,
)
"""What every route of /v1 may answer."""


def create_app(settings: Settings) -> FastAPI:
    """The ASGI app. Its lifespan opens the database and the store.

    In the embedded mode it migrates the database, too.
    """
    app = FastAPIOffline(
        title="learn2compress",
        version=installed_version(),
        description=DESCRIPTION,
        lifespan=lambda app: _lifespan(app, settings),
        redirect_slashes=False,
        redoc_url=None,
        static_url="/docs/files",
        generate_unique_id_function=_operation_id,
    )
    v1 = APIRouter(prefix="/v1", responses=problems.responses(*ANYWHERE))
    models = inspected.routes(MODELS, ModelView)
    datasets = inspected.routes(DATASETS, DatasetView)
    # In the order in which they are asked for: every request tries one after another.
    often = (jobs.router, variants.router, uploads.router, models, datasets)
    for router in (*often, keys.router, account.router, audit.router, webhooks.router):
        v1.include_router(router)
    app.include_router(v1)
    app.include_router(health_route.router)
    problems.install(app)
    app.add_exception_handler(Repeated, answer_again)
    app.state.metrics, app.state.refusals = metrics.Metrics(), refusals.new_buckets()
    app.add_middleware(IdempotentAnswers)
    app.add_middleware(SmallBodies)
    app.add_middleware(RateLimitHeaders)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Observing, metrics=app.state.metrics)
    _describe_further_schemas(app)
    return app


def _operation_id(route: APIRoute) -> str:
    """E.g. ``jobs_read``: generated clients name their functions by it. Pages have no tags."""
    return "_".join([*map(str, route.tags[:1]), route.name])


@asynccontextmanager
async def _lifespan(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    database_version.prepare(settings)
    engine = connect(settings.database)
    factory = sessions(engine)
    store = open_store(settings)
    notifier = open_notifier(settings.redis_url, factory)
    cleanup = Cleanup(settings, factory, store)
    readiness = Readiness(factory, store)
    store_threads, hashing_threads = StoreThreads(), HashingThreads()
    threads = (store_threads, hashing_threads)
    app.state.context = AppContext(
        settings, factory, store, notifier, readiness, *threads, cleanup.wake
    )
    app.state.cleanup, app.state.tailer = cleanup, Tailer(factory)
    app.state.authentication = Authentication(settings, factory)
    app.state.authentication.start()
    app.state.tailer.start()
    readiness.start()
    cleanup.start()
    sender = Sender(settings, factory, app.state.metrics.webhook_tries)
    sender.start()
    try:
        with metrics.serving(settings, app.state.metrics, JobCollector(factory)):
            yield
    finally:
        readiness.stop()
        app.state.tailer.stop()
        app.state.authentication.stop()
        cleanup.stop()
        sender.stop()
        store_threads.stop()
        hashing_threads.stop()
        engine.dispose()


def _describe_further_schemas(app: FastAPI) -> None:
    """Add the schemas that routes name but FastAPI does not see: of errors and of events."""
    generate = app.openapi
    names = "#/components/schemas/{model}"

    def openapi() -> dict[str, Any]:
        description = generate()
        schemas = description["components"]["schemas"]
        for model in (Problem, ProgressEventView, StateEventView):
            schema = model.model_json_schema(ref_template=names)
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        events = [names.format(model=each.__name__) for each in (ProgressEventView, StateEventView)]
        schemas["JobEvent"] = {
            "title": "JobEvent",
            "oneOf": [{"$ref": event} for event in events],
            "discriminator": {
                "propertyName": "type",
                "mapping": {"progress": events[0], "state": events[1]},
            },
        }
        return description

    app.openapi = openapi  # type: ignore[method-assign]
