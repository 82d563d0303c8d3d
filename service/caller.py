"""Who makes a request: a key of an account, and what it may do."""

from dataclasses import dataclass
from datetime import datetime

from service.contract.account_views import Scope
from service.contract.errors import Forbidden


@dataclass(frozen=True)
class Caller:
    """A key that was accepted; it opens one account for what its scopes name.

    A key that is bound to a job opens that job alone, with its variants.
    """

    account_id: str
    key_id: str
    scopes: frozenset[str]
    expires_at: datetime | None = None
    job_id: str | None = None
    address: str | None = None
    # Names the row of the request's Idempotency-Key, if it has one.
    request_token: str | None = None

    def require(self, scope: Scope) -> None:
        """Raises Forbidden if the key lacks the scope."""
        if scope not in self.scopes:
            hint = f"Use a key with the scope {scope}: `l2c keys list` shows what each key has."
            raise Forbidden(f"This needs a key with the scope {scope!r}.", hint)

    def require_unbound(self) -> None:
        """Raises Forbidden for a key that is bound to a job."""
        if self.job_id is not None:
            hint = "It opens that job, its events, report, plot, variants and files."
            raise Forbidden(f"This key is bound to job {self.job_id}.", hint)
