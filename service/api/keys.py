"""/v1/keys: the keys that open this account."""

from fastapi import APIRouter

from service import accounts
from service.api.problems import responses
from service.contract.errors import NotFound
from service.contract.records import ApiKey
from service.dependencies import AccountId, House, RowId
from service.schemas import CreatedKey, KeyView, NewKey

router = APIRouter(prefix="/keys", tags=["keys"])


@router.post("", status_code=201, summary="Make another key")
def create(house: House, account_id: AccountId, wanted: NewKey) -> CreatedKey:
    key, secret = accounts.create_key(house.sessions, account_id, wanted.name)
    return CreatedKey(id=key.id, name=key.name, created_at=key.created_at, secret=secret)


@router.get("", summary="Your keys, newest first", response_model=list[KeyView])
def browse(house: House, account_id: AccountId) -> list[ApiKey]:
    return accounts.keys_of(house.sessions, account_id)


@router.delete("/{key_id}", status_code=204, summary="Revoke a key", responses=responses(NotFound))
def delete(house: House, account_id: AccountId, key_id: RowId) -> None:
    accounts.delete_key(house.sessions, account_id, key_id)
