"""What goes over the wire about webhooks, and to them."""

from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from service.contract import examples
from service.contract.views import answer, request

WebhookEvent = Literal[
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "model.ready",
    "model.rejected",
    "dataset.ready",
    "dataset.rejected",
]
WEBHOOK_EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)
DeliveryState = Literal["pending", "delivered", "given_up"]
Address = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[!-~]+$")]
DAY = 24 * 3600


def _in_order(events: list[WebhookEvent]) -> list[WebhookEvent]:
    """Each once, in the order of WEBHOOK_EVENTS."""
    return [event for event in WEBHOOK_EVENTS if event in events]


Events = Annotated[list[WebhookEvent], AfterValidator(_in_order), Field(min_length=1)]


class NewWebhook(BaseModel):
    model_config = request({"url": "https://example.org/hooks", "events": ["job.succeeded"]})
    url: Address = Field(description="With https, of a public address; it gets a POST per event.")
    events: Events = Field(default=list(WEBHOOK_EVENTS), description="All, if left out.")


class SecretRotation(BaseModel):
    model_config = request({"grace_seconds": 3600})
    grace_seconds: int = Field(
        default=DAY,
        ge=0,
        le=7 * DAY,
        description="How long deliveries are signed with the old secrets, too.",
    )


class WebhookView(BaseModel):
    model_config = answer(examples.WEBHOOK)
    id: str
    url: str
    events: list[WebhookEvent]
    created_at: datetime


class CreatedWebhook(WebhookView):
    model_config = answer({**examples.WEBHOOK, "secret": "whsec_..."})
    secret: str = Field(description="To verify signatures with; it cannot be read again.")


class DeliveryView(BaseModel):
    """One event for one webhook."""

    model_config = answer(examples.DELIVERY)
    id: str = Field(description="The header ``webhook-id``, the same in every try.")
    event: WebhookEvent
    object_id: str
    state: DeliveryState
    tries: int
    next_try_at: datetime | None = Field(description="Null once it is delivered or given up.")
    status: int | None = Field(description="Of the last answer.")
    problem: str | None = Field(description="Why the last try failed.")
    created_at: datetime


class EventData(BaseModel):
    """``id`` of the job, model or dataset, and its state."""

    model_config = answer(examples.EVENT_DATA)
    id: str
    state: str
    links: dict[str, str]


class EventPayload(BaseModel):
    """The body of a delivery."""

    model_config = answer(
        {"type": "job.succeeded", "timestamp": examples.MOMENT, "data": examples.EVENT_DATA}
    )
    type: WebhookEvent
    timestamp: datetime
    data: EventData
