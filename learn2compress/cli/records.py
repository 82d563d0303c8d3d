"""``l2c models`` and ``l2c datasets``."""

from pathlib import Path
from typing import Annotated

import typer

from learn2compress.cli import uploading
from learn2compress.cli.console import (
    Json,
    Key,
    LabelOption,
    NameOption,
    Url,
    connect,
    emit,
    label_options,
    moment,
    show_fields,
    show_table,
)
from learn2compress.cli.kinds import Kind
from learn2compress.client import Client
from learn2compress.transport import Refused
from service.contract.job import InspectionState

File = typer.Argument(exists=True, dir_okay=False, readable=True)


def commands(kind: Kind) -> typer.Typer:
    """The same verbs for both kinds."""
    app = typer.Typer(no_args_is_help=True)

    @app.command("list")
    def browse(
        state: InspectionState | None = None,
        name: NameOption = None,
        label: LabelOption = None,
        url: Url = None,
        key: Key = None,
        json: Json = False,
    ) -> None:
        """List them, newest first."""
        with connect(url, key) as client:
            labels = label_options(label)
            records = list(kind.list(client, state=state, name=name, labels=labels))
        if json:
            return emit(records)
        rows = [[each.id, each.name, each.state, moment(each.created_at)] for each in records]
        show_table(["id", "name", "state", "created"], rows)

    @app.command()
    def show(record_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
        """Show one, with what inspection found."""
        with connect(url, key) as client:
            record = kind.get(client, record_id)
        emit(record) if json else show_fields(record)

    @app.command()
    def upload(
        file: Annotated[Path, File],
        name: NameOption = None,
        label: LabelOption = None,
        wait: Annotated[bool, typer.Option(help="Wait until a worker has inspected it.")] = True,
        url: Url = None,
        key: Key = None,
        json: Json = False,
    ) -> None:
        """Send a file; a transfer that was cut short is resumed."""
        labels = label_options(label)
        with connect(url, key) as client:
            with uploading.transfer_bars(quiet=json) as bars:
                record = uploading.send(client, kind, file, bars, name, labels)
            if wait:
                record = uploading.wait_until_ready(client, kind, record.id, quiet=json)
        emit(record) if json else show_fields(record)

    @app.command()
    def inspect(
        record_id: str,
        wait: Annotated[bool, typer.Option(help="Wait until a worker has inspected it.")] = True,
        url: Url = None,
        key: Key = None,
        json: Json = False,
    ) -> None:
        """Inspect a rejected one again, after an outage or a crash."""
        with connect(url, key) as client:
            record = kind.inspect(client, record_id)
            if wait:
                record = uploading.wait_until_ready(client, kind, record_id, quiet=json)
        emit(record) if json else show_fields(record)

    @app.command()
    def delete(
        record_id: str,
        with_jobs: Annotated[
            bool,
            typer.Option("--with-jobs", help="Cancel and delete the jobs that use it, first."),
        ] = False,
        url: Url = None,
        key: Key = None,
        json: Json = False,
    ) -> None:
        """Delete one that no job uses, with its upload."""
        deleted = []
        with connect(url, key) as client:
            if with_jobs:
                for job in list(client.list_jobs(**{kind.job_filter: record_id})):
                    _cancel_and_delete(client, job.id)
                    deleted.append(job.id)
            kind.delete(client, record_id)
        deleted.append(record_id)
        emit({"deleted": deleted}) if json else typer.echo(f"deleted {', '.join(deleted)}")

    return app


def _cancel_and_delete(client: Client, job_id: str) -> None:
    """Whatever its state is by now."""
    try:
        client.cancel_job(job_id)
    except Refused as refusal:
        if refusal.code == "not_found":
            return
        if refusal.code != "illegal_move":  # it has ended
            raise
    client.wait_for_job(job_id)
    client.delete_job(job_id)
