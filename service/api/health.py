"""/healthz and /readyz: for container runtimes and load balancers; they need no key."""

from fastapi import APIRouter

from service.api.problems import responses
from service.contract.errors import Unavailable
from service.contract.version import installed_version
from service.contract.views import Health, Ready
from service.dependencies import AppContext

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Does this process answer? Asks nothing else")
async def healthz() -> Health:
    return Health(status="ok", version=installed_version())


@router.get(
    "/readyz",
    summary="Did the database and the store answer at the last check, seconds ago?",
    responses=responses(Unavailable),
)
async def readyz(context: AppContext) -> Ready:
    context.readiness.require()
    levels = list(context.readiness.sandboxes)
    return Ready(status="ok", version=installed_version(), sandboxes=levels)
