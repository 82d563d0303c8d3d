"""The part of the client that is about webhooks."""

from collections.abc import Iterator, Sequence

from learn2compress.resources import Resources
from learn2compress.transport import api_path, validate_view
from service.contract.webhook_views import (
    DAY,
    WEBHOOK_EVENTS,
    CreatedWebhook,
    DeliveryState,
    DeliveryView,
    NewWebhook,
    WebhookEvent,
    WebhookView,
)


class WebhookClient(Resources):
    def create_webhook(
        self, url: str, events: Sequence[WebhookEvent] = WEBHOOK_EVENTS
    ) -> CreatedWebhook:
        """Its ``secret`` is shown only now."""
        body = NewWebhook(url=url, events=list(events)).model_dump(mode="json")
        return validate_view(CreatedWebhook, self.transport.json("POST", "/v1/webhooks", json=body))

    def list_webhooks(self) -> Iterator[WebhookView]:
        return self._list(WebhookView, api_path("webhooks"))

    def get_webhook(self, webhook_id: str) -> WebhookView:
        return self._get(WebhookView, api_path("webhooks", webhook_id))

    def delete_webhook(self, webhook_id: str) -> None:
        self._delete("webhooks", webhook_id)

    def rotate_webhook(self, webhook_id: str, grace_seconds: int = DAY) -> CreatedWebhook:
        """A new secret; deliveries are signed with the old ones, too, for ``grace_seconds``."""
        path, body = api_path("webhooks", webhook_id, "rotate"), {"grace_seconds": grace_seconds}
        return validate_view(CreatedWebhook, self.transport.json("POST", path, json=body))

    def list_deliveries(
        self, webhook_id: str, *, state: DeliveryState | None = None
    ) -> Iterator[DeliveryView]:
        return self._list(DeliveryView, api_path("webhooks", webhook_id, "deliveries"), state=state)

    def replay_delivery(self, webhook_id: str, delivery_id: str) -> DeliveryView:
        """Send it again, with the same id."""
        path = api_path("webhooks", webhook_id, "deliveries", delivery_id, "replay")
        return validate_view(DeliveryView, self.transport.json("POST", path))
