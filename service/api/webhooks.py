"""/v1/webhooks: where the account is told of events."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from service.api.problems import OF_REPETITION, responses
from service.contract.errors import NotFound, QuotaExceeded, SecretNotKept
from service.contract.records import Webhook, WebhookDelivery
from service.contract.views import Page
from service.contract.webhook_views import (
    CreatedWebhook,
    DeliveryState,
    DeliveryView,
    NewWebhook,
    SecretRotation,
    WebhookView,
)
from service.dependencies import (
    AppContext,
    MayCreateJobs,
    MayRead,
    OnceWithSecret,
    RowId,
    WantedPage,
)
from service.paging import Page as PageOf
from service.webhooks import webhooks
from service.webhooks.webhooks import WebhookWithSecret

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
IN_A_DAY = SecretRotation()
State = Annotated[DeliveryState | None, Query(description="Only deliveries in this state.")]


@router.post(
    "",
    status_code=201,
    summary="Create a webhook",
    responses=responses(QuotaExceeded, *OF_REPETITION, SecretNotKept),
)
def create(
    context: AppContext,
    allowed: MayCreateJobs,
    wanted: NewWebhook,
    response: Response,
    caller: OnceWithSecret,
) -> CreatedWebhook:
    made = webhooks.create(context, caller, wanted)
    response.headers["Location"] = f"/v1/webhooks/{made.webhook.id}"
    return view(made)


@router.get("", summary="List your webhooks, newest first", response_model=Page[WebhookView])
def browse(context: AppContext, caller: MayRead, page: WantedPage) -> PageOf[Webhook]:
    return webhooks.browse(context.sessions, caller, page)


@router.get(
    "/{webhook_id}",
    summary="Get a webhook",
    response_model=WebhookView,
    responses=responses(NotFound),
)
def read(context: AppContext, caller: MayRead, webhook_id: RowId) -> Webhook:
    return webhooks.read(context.sessions, caller, webhook_id)


@router.delete(
    "/{webhook_id}",
    status_code=204,
    summary="Delete a webhook with its deliveries",
    responses=responses(NotFound),
)
def remove(context: AppContext, caller: MayCreateJobs, webhook_id: RowId) -> None:
    webhooks.remove(context.sessions, caller, webhook_id)


@router.post(
    "/{webhook_id}/rotate",
    summary="Give a webhook a new secret",
    description="Deliveries are signed with the old secrets, too, for some time.",
    responses=responses(NotFound),
)
def rotate(
    context: AppContext,
    caller: MayCreateJobs,
    webhook_id: RowId,
    rotation: SecretRotation = IN_A_DAY,
) -> CreatedWebhook:
    return view(webhooks.rotate(context.sessions, caller, webhook_id, rotation.grace_seconds))


@router.get(
    "/{webhook_id}/deliveries",
    summary="List what was sent, or is to be sent, newest first",
    response_model=Page[DeliveryView],
    responses=responses(NotFound),
)
def deliveries(
    context: AppContext,
    caller: MayRead,
    webhook_id: RowId,
    page: WantedPage,
    state: State = None,
) -> PageOf[WebhookDelivery]:
    return webhooks.deliveries(context.sessions, caller, webhook_id, page, state)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    status_code=202,
    summary="Send a delivery again",
    response_model=DeliveryView,
    responses=responses(NotFound),
)
def replay(
    context: AppContext, caller: MayCreateJobs, webhook_id: RowId, delivery_id: RowId
) -> WebhookDelivery:
    return webhooks.replay(context.sessions, caller, webhook_id, delivery_id)


def view(made: WebhookWithSecret) -> CreatedWebhook:
    summary = WebhookView.model_validate(made.webhook).model_dump()
    return CreatedWebhook(**summary, secret=made.secret)
