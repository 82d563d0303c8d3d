"""From a key to its caller. Only a key's SHA-256 is stored."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from service.accounts.key_uses import KeyUses
from service.accounts.rate_limits import Buckets, RateLimit, network_of
from service.caller import Caller
from service.contract.errors import AccountSuspended, Unauthorized
from service.contract.records import Account, ApiKey, Sessions, now
from service.contract.settings import Settings

MOST_SECRETS_REMEMBERED = 10_000


@dataclass(frozen=True)
class Admission:
    """A request that is let in, and what is left of its key's rate limit, if there is one."""

    caller: Caller
    rate_limit: RateLimit | None


@dataclass(frozen=True)
class Known:
    """A key that was found, with its account; after ``until`` it is looked up again."""

    key: ApiKey
    account: Account
    until: datetime


class Authentication:
    """Tells who makes a request, counts it, and notes that the key was used."""

    def __init__(self, settings: Settings, sessions: Sessions):
        self._sessions = sessions
        self._uses = KeyUses(sessions)
        per_minute, failures = settings.requests_per_minute, settings.failed_keys_per_minute
        self._requests = per_minute and Buckets("key", per_minute, settings.request_burst)
        self._failures = failures and Buckets("failed-keys", failures, failures)
        self._memory = timedelta(seconds=settings.key_memory_seconds)
        self._accepted: OrderedDict[str, Known] = OrderedDict()

    def start(self) -> None:
        self._uses.start()

    def stop(self) -> None:
        self._uses.stop()

    def admit(self, secret: str | None, address: str | None) -> Admission:
        """Let a request of this key in; ``address`` is the client's.

        Raises Unauthorized, AccountSuspended, or RateLimited: for too many requests with this key,
        or with unknown keys from this address.
        """
        key, account = self._find(secret, network_of(address))
        limit = self._requests.take(key.id) if self._requests else None
        if limit:
            limit.check("This key")
        if account.suspended_at is not None:
            raise AccountSuspended("The account of this key is suspended.")
        self._uses.note(key)
        scopes = frozenset(key.scopes)
        caller = Caller(key.account_id, key.id, scopes, key.expires_at, key.job_id, address)
        return Admission(caller, limit)

    def remembers(self, secret: str | None) -> bool:
        """Whether ``admit`` answers now without asking the database."""
        known = self._accepted.get(hashed(secret or ""))
        return known is not None and known.until > now()

    def _find(self, secret: str | None, network: str) -> tuple[ApiKey, Account]:
        # Who guesses must not lock out those who share the address and have a key.
        digest = hashed(secret or "")
        known = self._accepted.get(digest)
        if known is not None and known.until > now():
            return known.key, known.account
        if self._failures and digest not in self._accepted:
            self._failures.look(network).check("This address")
        try:
            found = find_key(self._sessions, secret)
        except Unauthorized:
            if self._failures:
                self._failures.take(network)
            raise
        key, account = found
        self._accepted[digest] = Known(key, account, self._until(key, digest))
        if len(self._accepted) > MOST_SECRETS_REMEMBERED:
            self._accepted.popitem(last=False)
        return found

    def _until(self, key: ApiKey, digest: str) -> datetime:
        """How long the key may be remembered: not beyond its end, nor that of an old secret."""
        ends = [now() + self._memory, key.expires_at]
        if digest == key.previous_sha256:
            ends.append(key.previous_ends_at)
        return min(end for end in ends if end is not None)


def find_key(sessions: Sessions, secret: str | None) -> tuple[ApiKey, Account]:
    """The key with this secret, and what it opens.

    Raises Unauthorized for one that is unknown, expired or replaced, without telling which.
    """
    if secret is None:
        raise Unauthorized("This needs an API key.")
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
