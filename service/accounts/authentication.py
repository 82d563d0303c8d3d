"""From a key to its caller. Only a key's SHA-256 is stored."""

import hashlib

from sqlalchemy import select

from service.caller import Caller
from service.contract.errors import Unauthorized
from service.contract.records import ApiKey, Sessions


def caller_of(sessions: Sessions, secret: str) -> Caller:
    """Who has this key; raises Unauthorized."""
    with sessions() as session:
        key = session.scalar(select(ApiKey).where(ApiKey.sha256 == hashed(secret)))
    if key is None:
        raise Unauthorized("This API key is not known.")
    return Caller(key.account_id, key.id, frozenset(key.scopes))


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
