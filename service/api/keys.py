"""/v1/keys: the keys that open this account."""

from fastapi import APIRouter

from service.accounts import keys
from service.accounts.keys import KeyWithSecret
from service.api.problems import OF_REPETITION, responses
from service.contract.account_views import CreatedKey, KeyView, NewKey, Rotation
from service.contract.errors import NotFound, QuotaExceeded, SecretNotKept
from service.contract.records import ApiKey
from service.contract.views import Page
from service.dependencies import (
    AppContext,
    MayManageKeys,
    NameFilter,
    OnceWithSecret,
    RowId,
    WantedPage,
)
from service.paging import Page as PageOf

router = APIRouter(prefix="/keys", tags=["keys"])
AT_ONCE = Rotation()


@router.post(
    "",
    status_code=201,
    summary="Create another key",
    responses=responses(NotFound, QuotaExceeded, *OF_REPETITION, SecretNotKept),
)
def create(
    context: AppContext, allowed: MayManageKeys, wanted: NewKey, caller: OnceWithSecret
) -> CreatedKey:
    return view(keys.create(context, caller, wanted))


@router.get("", summary="List your keys, newest first", response_model=Page[KeyView])
def browse(
    context: AppContext, caller: MayManageKeys, page: WantedPage, name: NameFilter = None
) -> PageOf[ApiKey]:
    return keys.browse(context.sessions, caller, page, name)


@router.delete("/{key_id}", status_code=204, summary="Revoke a key", responses=responses(NotFound))
def revoke(context: AppContext, caller: MayManageKeys, key_id: RowId) -> None:
    keys.revoke(context.sessions, caller, key_id)


@router.post(
    "/{key_id}/rotate",
    summary="Give a key a new secret",
    description="Its id, scopes, job and end stay.",
    responses=responses(NotFound),
)
def rotate(
    context: AppContext, caller: MayManageKeys, key_id: RowId, rotation: Rotation = AT_ONCE
) -> CreatedKey:
    return view(keys.rotate(context.sessions, caller, key_id, rotation.grace_seconds))


def view(made: KeyWithSecret) -> CreatedKey:
    summary = KeyView.model_validate(made.key).model_dump()
    return CreatedKey(**summary, secret=made.secret)
