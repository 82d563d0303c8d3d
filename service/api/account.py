"""/v1/account: what this key opens."""

from fastapi import APIRouter

from service.accounts import accounts
from service.contract.account_views import AccountView
from service.dependencies import AppContext, MayRead

router = APIRouter(prefix="/account", tags=["account"])


@router.get("", summary="Get your account with its limits and their use")
def read(context: AppContext, caller: MayRead) -> AccountView:
    return accounts.read(context, caller.account_id)
