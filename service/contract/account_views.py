"""What goes over the wire about accounts and their keys."""

from datetime import datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, model_validator

from service.contract import examples
from service.contract.views import Id, Name, answer, request

Scope = Literal["read", "upload", "jobs", "channels", "keys", "measure", "channel-read"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
SCOPES_OF_A_JOB: tuple[Scope, ...] = ("read", "jobs")
"""What a key that is bound to a job can have."""
MOST_GRACE_SECONDS = 7 * 24 * 3600


def _in_order(scopes: list[Scope]) -> list[Scope]:
    """Each once, in the order of SCOPES."""
    return [scope for scope in SCOPES if scope in scopes]


Scopes = Annotated[list[Scope], AfterValidator(_in_order)]


class Limits(BaseModel):
    """Null: no limit."""

    model_config = answer(examples.LIMITS)
    stored_bytes: int | None = Field(description="Of uploads, completed or not.")
    open_uploads: int | None = Field(description="Uploads that are not completed.")
    unfinished_jobs: int | None = Field(description="Queued and running jobs.")
    worker_minutes: int | None = Field(description="In a calendar month (UTC).")
    keys: int | None = Field(description="Keys that have not expired.")


class Use(BaseModel):
    """How much of each limit is taken."""

    model_config = answer(examples.USE)
    stored_bytes: int
    open_uploads: int
    unfinished_jobs: int
    worker_minutes: float = Field(description="From the start to the end of each job, so far.")
    keys: int


class AccountView(BaseModel):
    model_config = answer(examples.ACCOUNT)
    id: str
    name: str
    suspended_at: datetime | None = Field(description="Its keys open nothing from then on.")
    limits: Limits
    use: Use
    retention_days: int | None = Field(
        description="After so many days, results and what is unused are deleted; null: never."
    )
    created_at: datetime


class NewAccount(BaseModel):
    """As an operator asks for it."""

    model_config = request({"name": "ann"})
    name: Name


class CreatedAccount(AccountView):
    model_config = answer({**examples.ACCOUNT, "secret": "l2c_..."})
    secret: str = Field(description="Its first key; it cannot be read again.")


class AuditView(BaseModel):
    """Something that was done, or refused."""

    model_config = answer(examples.AUDIT)
    id: str
    actor: str = Field(description="The id of a key, ``operator`` or ``retention``.")
    action: str = Field(description="E.g. ``job.create``.")
    object_id: str | None = Field(description="What was created, changed or deleted.")
    address: str | None = Field(description="Of the client; null for an operator.")
    outcome: str = Field(description="``done``, or the code of the error.")
    created_at: datetime


class NewKey(BaseModel):
    model_config = request({"name": "laptop", "scopes": ["read", "upload", "jobs"]})
    name: Name
    scopes: Annotated[Scopes, Field(min_length=1)] | None = Field(
        default=None, description="What it may do; as much as the key that creates it if left out."
    )
    job_id: Id | None = Field(
        default=None, description="Bind it to this job: then it sees nothing else."
    )
    expires_at: AwareDatetime | None = Field(
        default=None, description="As the key that creates it, if left out."
    )

    @model_validator(mode="after")
    def _check_scopes_of_a_job(self) -> Self:
        if self.job_id is not None and not set(self.scopes or ()) <= set(SCOPES_OF_A_JOB):
            raise ValueError("a key bound to a job has no scopes but read and jobs")
        return self


class Rotation(BaseModel):
    model_config = request({"grace_seconds": 3600})
    grace_seconds: int = Field(
        default=0, ge=0, le=MOST_GRACE_SECONDS, description="How long the old secret still opens."
    )


class KeyView(BaseModel):
    model_config = answer(examples.KEY)
    id: str
    name: str
    scopes: list[Scope]
    job_id: str | None = Field(description="The only job that it sees; null: all of the account.")
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    created_at: datetime


class CreatedKey(KeyView):
    model_config = answer({**examples.KEY, "secret": "l2c_..."})
    secret: str = Field(description="The key itself; it cannot be read again.")
