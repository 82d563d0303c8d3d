"""/healthz: for load balancers and container runtimes; needs no key."""

from fastapi import APIRouter

from service import health
from service.api.problems import responses
from service.contract.errors import Unavailable
from service.contract.views import Health
from service.dependencies import AppContext

router = APIRouter(tags=["health"])


@router.get(
    "/healthz", summary="Do the database and the store answer?", responses=responses(Unavailable)
)
def healthz(context: AppContext) -> Health:
    return Health(status="ok", version=health.check(context))
