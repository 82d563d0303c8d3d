"""``l2c keys``."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from learn2compress.cli.console import Json, Key, Url, connect, emit, moment, show_table
from learn2compress.cli.durations import duration_of
from service.contract.account_views import SCOPES, CreatedKey, KeyView, NewKey

app = typer.Typer(no_args_is_help=True)
ScopeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        help=f"What it may do: {', '.join(SCOPES)}; repeat for several. "
        "As much as the key that creates it, or all from an operator, when left out.",
    ),
]
JobOption = Annotated[
    str | None, typer.Option("--job", help="Bind it to this job: it sees nothing else.")
]
ExpiresOption = Annotated[
    timedelta | None,
    typer.Option(
        parser=duration_of,
        metavar="DURATION",
        help="When it ends: 15m, 12h, 30d. As the key that creates it, or never from an operator, "
        "when left out.",
    ),
]
GraceOption = Annotated[
    timedelta | None,
    typer.Option(
        parser=duration_of,
        metavar="DURATION",
        help="How long the old secret still opens: 15m, 12h. It ends at once, when left out.",
    ),
]


@app.command("list")
def browse(url: Url = None, key: Key = None, json: Json = False) -> None:
    """List them, newest first; the secrets themselves are not kept."""
    with connect(url, key) as client:
        keys = list(client.list_keys())
    emit(keys) if json else show_keys(keys)


@app.command()
def create(
    name: str,
    scope: ScopeOption = None,
    job: JobOption = None,
    expires_in: ExpiresOption = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Create another; its secret is shown only now."""
    wanted = new_key(name, scope, job, expires_in)
    with connect(url, key) as client:
        created = client.create_key(
            name, scopes=wanted.scopes, job_id=job, expires_at=wanted.expires_at
        )
    show_secret(created, json)


@app.command()
def revoke(key_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Revoke one: it opens nothing from now on."""
    with connect(url, key) as client:
        client.delete_key(key_id)
    emit({"revoked": key_id}) if json else typer.echo(f"revoked {key_id}")


@app.command()
def rotate(
    key_id: str,
    grace: GraceOption = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Give one a new secret, shown only now; id, scopes and end stay."""
    with connect(url, key) as client:
        rotated = client.rotate_key(key_id, int(grace.total_seconds()) if grace else 0)
    show_secret(rotated, json)


def new_key(
    name: str, scope: list[str] | None, job: str | None, expires_in: timedelta | None
) -> NewKey:
    """What the options say; raises ValidationError, which is a usage error."""
    expires_at = expires_in and datetime.now(UTC) + expires_in
    given = {"name": name, "scopes": scope or None, "job_id": job, "expires_at": expires_at}
    return NewKey.model_validate(given)


def show_keys(keys: list[KeyView]) -> None:
    rows = []
    for each in keys:
        times = [at and moment(at) for at in (each.expires_at, each.last_used_at, each.created_at)]
        rows.append([each.id, each.name, _scope_words(each), each.job_id, *times])
    show_table(["id", "name", "scopes", "job", "expires", "last used", "created"], rows)


def show_secret(created: CreatedKey, json: bool) -> None:
    emit(created) if json else typer.echo(created.secret)


def _scope_words(key: KeyView) -> str:
    return "all" if set(key.scopes) == set(SCOPES) else " ".join(key.scopes)
