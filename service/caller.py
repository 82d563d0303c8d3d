"""Who makes a request: a key of an account, and what it may do."""

from dataclasses import dataclass

from service.contract.account_views import Scope
from service.contract.errors import Forbidden


@dataclass(frozen=True)
class Caller:
    """A key that was accepted; it opens one account for what its scopes name."""

    account_id: str
    key_id: str
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """Raises Forbidden if the key lacks the scope."""
        if scope not in self.scopes:
            hint = f"Use a key with the scope {scope}: `l2c keys list` shows what each key has."
            raise Forbidden(f"This needs a key with the scope {scope!r}.", hint)
