"""From a key to its caller. Only a key's SHA-256 is stored."""

import hashlib

from sqlalchemy import and_, or_, select

from service.accounts.key_uses import KeyUses
from service.caller import Caller
from service.contract.errors import AccountSuspended, Unauthorized
from service.contract.records import Account, ApiKey, Sessions, now


class Authentication:
    """Tells who makes a request, and notes that the key was used."""

    def __init__(self, sessions: Sessions):
        self._sessions = sessions
        self._uses = KeyUses(sessions)

    def start(self) -> None:
        self._uses.start()

    def stop(self) -> None:
        self._uses.stop()

    def caller_of(self, secret: str | None) -> Caller:
        """Who has this key; raises Unauthorized, or AccountSuspended."""
        if secret is None:
            raise Unauthorized("This needs an API key.")
        key, account = find_key(self._sessions, secret)
        if account.suspended_at is not None:
            raise AccountSuspended("The account of this key is suspended.")
        self._uses.note(key)
        return Caller(key.account_id, key.id, frozenset(key.scopes), key.expires_at, key.job_id)


def find_key(sessions: Sessions, secret: str) -> tuple[ApiKey, Account]:
    """The key with this secret, and what it opens.

    Raises Unauthorized for one that is unknown, expired or replaced, without telling which.
    """
    digest, moment = hashed(secret), now()
    replaced = and_(ApiKey.previous_sha256 == digest, ApiKey.previous_ends_at > moment)
    alive = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > moment)
    query = select(ApiKey, Account).join(Account, Account.id == ApiKey.account_id)
    with sessions() as session:
        found = session.execute(
            query.where(or_(ApiKey.sha256 == digest, replaced), alive)
        ).one_or_none()
    if found is None:
        raise Unauthorized("This API key is not known.")
    key, account = found
    return key, account


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
