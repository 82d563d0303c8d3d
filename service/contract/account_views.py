"""What goes over the wire about accounts and their keys."""

from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, Field

from service.contract import examples
from service.contract.views import Name, answer, request

Scope = Literal["read", "upload", "jobs", "channels", "keys", "measure", "channel-read"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


def _in_order(scopes: list[Scope]) -> list[Scope]:
    """Each once, in the order of SCOPES."""
    return [scope for scope in SCOPES if scope in scopes]


Scopes = Annotated[list[Scope], AfterValidator(_in_order)]


class NewKey(BaseModel):
    model_config = request({"name": "laptop", "scopes": ["read", "upload", "jobs"]})
    name: Name
    scopes: Annotated[Scopes, Field(min_length=1)] | None = Field(
        default=None, description="What it may do; as much as the key that creates it if left out."
    )


class KeyView(BaseModel):
    model_config = answer(examples.KEY)
    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime


class CreatedKey(KeyView):
    model_config = answer({**examples.KEY, "secret": "l2c_..."})
    secret: str = Field(description="The key itself; it cannot be read again.")
