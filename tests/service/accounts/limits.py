"""Limits of the account that ``api`` opens, set as an operator sets them."""

from service.accounts import accounts
from service.app_context import AppContext


def limit(context: AppContext, **limits: int | None) -> None:
    accounts.set_limits(context.sessions, "first", limits)
