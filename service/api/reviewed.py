"""/v1/models and /v1/datasets: the same routes over the same use cases, once for each kind."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from service import reviews, whole_file
from service.api.problems import responses
from service.api.uploads import RAW
from service.contract.errors import (
    BodyIncomplete,
    Conflict,
    HashMismatch,
    Malformed,
    NotFound,
    StorageFull,
    TooLarge,
    UploadIncomplete,
)
from service.dependencies import AccountId, ContentLength, ContentSha256, House, RawBody, RowId, WantedPage
from service.reviews import Kind
from service.schemas import NewRecord, Page, RecordView

Filename = Annotated[str, Query(min_length=1, max_length=1000, description="Its suffix may help; its content decides.")]


def routes(kind: Kind[Any], view: type[RecordView]) -> APIRouter:
    noun = kind.noun
    router = APIRouter(prefix=f"/{noun}s", tags=[f"{noun}s"])

    @router.post(
        "",
        status_code=201,
        summary=f"Make a {noun} of a completed upload",
        response_model=view,
        responses=responses(NotFound, UploadIncomplete, Conflict),
    )
    def create(house: House, account_id: AccountId, wanted: NewRecord, response: Response) -> Any:
        record = reviews.create(house, kind, account_id, wanted)
        response.headers["Location"] = f"/v1/{noun}s/{record.id}"
        return record

    @router.post(
        "/upload",
        status_code=201,
        summary=f"Upload a {noun} in one request",
        description=f"The raw body is the file: `curl -T FILE -X POST .../v1/{noun}s/upload?filename=FILE`.",
        response_model=view,
        responses=responses(HashMismatch, Malformed, BodyIncomplete, TooLarge, StorageFull),
        openapi_extra=RAW,
    )
    async def upload(
        house: House,
        account_id: AccountId,
        filename: Filename,
        length: ContentLength,
        sha256: ContentSha256,
        body: RawBody,
        response: Response,
    ) -> Any:
        upload_id = await whole_file.receive(house, account_id, filename, body, length, sha256)
        record = await reviews.create_soon(house, kind, account_id, NewRecord(upload_id=upload_id))
        response.headers["Location"] = f"/v1/{noun}s/{record.id}"
        return record

    @router.get("", summary=f"Your {noun}s, newest first", response_model=Page[view])  # type: ignore[valid-type]
    def browse(house: House, account_id: AccountId, page: WantedPage) -> Any:
        return reviews.browse(house, kind, account_id, page)

    @router.get("/{record_id}", summary=f"One {noun}", response_model=view, responses=responses(NotFound))
    def read(house: House, account_id: AccountId, record_id: RowId) -> Any:
        return reviews.read(house, kind, account_id, record_id)

    @router.delete(
        "/{record_id}",
        status_code=204,
        summary=f"Delete a {noun} that no job uses, with its bytes",
        responses=responses(NotFound, Conflict),
    )
    def remove(house: House, account_id: AccountId, record_id: RowId) -> None:
        reviews.remove(house, kind, account_id, record_id)

    return router
