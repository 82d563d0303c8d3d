"""How the client gets, lists and deletes anything of the API."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from learn2compress.transport import Transport, api_path, validate_view
from service.contract.views import Page

View = TypeVar("View", bound=BaseModel)
PAGE = 100


class Resources:
    def __init__(self, transport: Transport):
        self.transport = transport

    def _get(self, view: type[View], path: str, *, patient: bool = False) -> View:
        return validate_view(view, self.transport.json("GET", path, patient=patient))

    def _delete(self, kind: str, row_id: str) -> None:
        self.transport.request("DELETE", api_path(kind, row_id))

    def _list(
        self,
        view: type[View],
        path: str,
        labels: Mapping[str, str] | None = None,
        **filters: Any,
    ) -> Iterator[View]:
        params = {name: value for name, value in filters.items() if value is not None}
        params |= {"limit": PAGE, "label": [f"{key}:{value}" for key, value in label_items(labels)]}
        while True:
            page = validate_view(Page[Any], self.transport.json("GET", path, params=params))
            for item in page.items:
                yield validate_view(view, item)
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor


def label_items(labels: Mapping[str, str] | None) -> list[tuple[str, str]]:
    return list((labels or {}).items())
