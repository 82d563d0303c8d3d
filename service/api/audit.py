"""/v1/audit: what was done in this account."""

from typing import Annotated

from fastapi import APIRouter, Query

from service import audit
from service.contract.account_views import AuditView
from service.contract.records import AuditEntry
from service.contract.views import Id, Page
from service.dependencies import AppContext, MayRead, WantedPage
from service.paging import Page as PageOf

router = APIRouter(prefix="/audit", tags=["audit"])
Action = Annotated[str | None, Query(max_length=64, description="E.g. ``job.create``.")]
ObjectId = Annotated[Id | None, Query(description="What it was done to.")]


@router.get(
    "", summary="List what was done and refused, newest first", response_model=Page[AuditView]
)
def browse(
    context: AppContext,
    caller: MayRead,
    page: WantedPage,
    action: Action = None,
    object_id: ObjectId = None,
) -> PageOf[AuditEntry]:
    return audit.browse(context.sessions, caller.account_id, page, action, object_id)
