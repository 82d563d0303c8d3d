"""The part of the client that is about the account and its keys."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from learn2compress.resources import Resources
from learn2compress.transport import api_path, validate_view
from service.contract.account_views import (
    AccountView,
    AuditView,
    CreatedKey,
    KeyView,
    NewKey,
    Scope,
)


class AccountClient(Resources):
    def get_account(self) -> AccountView:
        """With limits and use."""
        return self._get(AccountView, api_path("account"))

    def list_audit(
        self, *, action: str | None = None, object_id: str | None = None
    ) -> Iterator[AuditView]:
        """What was done in the account, and refused: newest first."""
        return self._list(AuditView, api_path("audit"), action=action, object_id=object_id)

    def create_key(
        self,
        name: str,
        *,
        scopes: Sequence[Scope] | None = None,
        job_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> CreatedKey:
        """What is left out is as in this client's own key. ``job_id``: it sees only that job."""
        wanted = NewKey(
            name=name, scopes=scopes and list(scopes), job_id=job_id, expires_at=expires_at
        )
        body = wanted.model_dump(mode="json")
        return validate_view(CreatedKey, self.transport.json("POST", "/v1/keys", json=body))

    def rotate_key(self, key_id: str, grace_seconds: int = 0) -> CreatedKey:
        """A new secret for a key; the old one opens for ``grace_seconds`` more."""
        body = {"grace_seconds": grace_seconds}
        answer = self.transport.json("POST", api_path("keys", key_id, "rotate"), json=body)
        return validate_view(CreatedKey, answer)

    def list_keys(self, name: str | None = None) -> Iterator[KeyView]:
        return self._list(KeyView, api_path("keys"), name=name)

    def delete_key(self, key_id: str) -> None:
        self._delete("keys", key_id)
