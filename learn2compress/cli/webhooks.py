"""``l2c webhooks``."""

from collections.abc import Iterable
from typing import Annotated

import typer

from learn2compress.cli.console import Json, Key, Url, connect, emit, moment, show_table
from learn2compress.cli.keys import GraceOption
from service.contract.webhook_views import (
    DAY,
    WEBHOOK_EVENTS,
    CreatedWebhook,
    DeliveryState,
    NewWebhook,
)

app = typer.Typer(no_args_is_help=True)
EventOption = Annotated[
    list[str] | None,
    typer.Option(
        "--event",
        help=f"What to be told of: {', '.join(WEBHOOK_EVENTS)}; repeat for several. All, when "
        "left out.",
    ),
]
StateOption = Annotated[DeliveryState | None, typer.Option("--state", help="Only these.")]


@app.command("list")
def browse(url: Url = None, key: Key = None, json: Json = False) -> None:
    """List them, newest first; the secrets are not shown again."""
    with connect(url, key) as client:
        webhooks = list(client.list_webhooks())
    if json:
        return emit(webhooks)
    rows = [[each.id, each.url, _words(each.events), moment(each.created_at)] for each in webhooks]
    show_table(["id", "url", "events", "created"], rows)


@app.command()
def create(
    address: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent to.")],
    event: EventOption = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Create one and print its secret, which cannot be shown again."""
    wanted = NewWebhook.model_validate({"url": address, **({"events": event} if event else {})})
    with connect(url, key) as client:
        _show_secret(client.create_webhook(wanted.url, wanted.events), json)


@app.command()
def delete(webhook_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Delete one with its deliveries."""
    with connect(url, key) as client:
        client.delete_webhook(webhook_id)
    emit({"deleted": webhook_id}) if json else typer.echo(f"deleted {webhook_id}")


@app.command()
def rotate(
    webhook_id: str,
    grace: GraceOption = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Give one a new secret; for a day, or --grace, the old ones sign, too."""
    seconds = DAY if grace is None else int(grace.total_seconds())
    with connect(url, key) as client:
        _show_secret(client.rotate_webhook(webhook_id, seconds), json)


@app.command()
def deliveries(
    webhook_id: str,
    state: StateOption = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """List what was sent, or is to be sent, newest first."""
    with connect(url, key) as client:
        found = list(client.list_deliveries(webhook_id, state=state))
    if json:
        return emit(found)
    rows = []
    for each in found:
        times = (each.next_try_at and moment(each.next_try_at), moment(each.created_at))
        told = (each.state, each.tries, each.problem or each.status)
        rows.append([each.id, each.event, each.object_id, *told, *times])
    columns = ["id", "event", "of", "state", "tries", "last answer", "next try", "created"]
    show_table(columns, rows)


@app.command()
def replay(
    webhook_id: str, delivery_id: str, url: Url = None, key: Key = None, json: Json = False
) -> None:
    """Send a delivery again."""
    with connect(url, key) as client:
        again = client.replay_delivery(webhook_id, delivery_id)
    emit(again) if json else typer.echo(f"{again.id} is sent again")


def _show_secret(created: CreatedWebhook, json: bool) -> None:
    emit(created) if json else typer.echo(f"{created.id} {created.secret}")


def _words(events: Iterable[str]) -> str:
    return "all" if set(events) == set(WEBHOOK_EVENTS) else " ".join(events)
