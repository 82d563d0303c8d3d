"""/v1/keys: the keys that open this account."""

from fastapi import APIRouter

from service.accounts import accounts
from service.api.problems import responses
from service.contract.errors import NotFound
from service.contract.records import ApiKey
from service.contract.views import CreatedKey, KeyView, NewKey, Page
from service.dependencies import AccountId, AppContext, NameFilter, RowId, WantedPage
from service.paging import Page as PageOf

router = APIRouter(prefix="/keys", tags=["keys"])


@router.post("", status_code=201, summary="Create another key")
def create(context: AppContext, account_id: AccountId, wanted: NewKey) -> CreatedKey:
    key, secret = accounts.create_key(context.sessions, account_id, wanted.name)
    return CreatedKey(id=key.id, name=key.name, created_at=key.created_at, secret=secret)


@router.get("", summary="List your keys, newest first", response_model=Page[KeyView])
def browse(
    context: AppContext, account_id: AccountId, page: WantedPage, name: NameFilter = None
) -> PageOf[ApiKey]:
    return accounts.keys_of(context.sessions, account_id, page, name)


@router.delete("/{key_id}", status_code=204, summary="Revoke a key", responses=responses(NotFound))
def delete(context: AppContext, account_id: AccountId, key_id: RowId) -> None:
    accounts.delete_key(context.sessions, account_id, key_id)
