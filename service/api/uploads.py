"""/v1/uploads: large files in parts, resumable."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from service.api.problems import responses
from service.contract.errors import (
    BodyIncomplete,
    Conflict,
    HashMismatch,
    Malformed,
    NotFound,
    PartTooLong,
    StorageFull,
    TooLarge,
    UploadIncomplete,
)
from service.contract.records import UploadPart
from service.contract.views import Completion, NewUpload, PartView, UploadView
from service.dependencies import AccountId, AppContext, ContentSha256, RawBody, RowId
from service.uploads import parts, uploads
from service.uploads.uploads import UploadWithParts

router = APIRouter(prefix="/uploads", tags=["uploads"])
RAW = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"format": "binary"}}},
    }
}
NOTHING_ANNOUNCED = Completion()
PartNumber = Annotated[int, Path(ge=1, le=999_999, description="Counts from 1.")]


@router.post("", status_code=201, summary="Announce a file", responses=responses(TooLarge))
def create(
    context: AppContext, account_id: AccountId, wanted: NewUpload, response: Response
) -> UploadView:
    found = uploads.create(context, account_id, wanted)
    response.headers["Location"] = f"/v1/uploads/{found.upload.id}"
    return view(found)


@router.get("/{upload_id}", summary="Which parts are there", responses=responses(NotFound))
def read(context: AppContext, account_id: AccountId, upload_id: RowId) -> UploadView:
    return view(uploads.read(context, account_id, upload_id))


@router.put(
    "/{upload_id}/parts/{number}",
    summary="Send one part",
    description="The raw bytes of part `number`: exactly part_size of them, the last part what is left. Parts may come "
    "in any order, several at once, and again; sending one again replaces it.",
    response_model=PartView,
    responses=responses(
        NotFound, Conflict, HashMismatch, Malformed, BodyIncomplete, PartTooLong, StorageFull
    ),
    openapi_extra=RAW,
)
async def put_part(
    context: AppContext,
    account_id: AccountId,
    upload_id: RowId,
    number: PartNumber,
    sha256: ContentSha256,
    body: RawBody,
) -> UploadPart:
    return await parts.put(context, account_id, upload_id, number, body, sha256)


@router.post(
    "/{upload_id}/complete",
    summary="Check the whole file and close the upload",
    responses=responses(NotFound, HashMismatch, Malformed, UploadIncomplete, Conflict),
)
def complete(
    context: AppContext,
    account_id: AccountId,
    upload_id: RowId,
    completion: Completion = NOTHING_ANNOUNCED,
) -> UploadView:
    return view(uploads.complete(context, account_id, upload_id, completion.sha256))


@router.delete(
    "/{upload_id}",
    status_code=204,
    summary="Give up an upload",
    responses=responses(NotFound, Conflict),
)
def delete(context: AppContext, account_id: AccountId, upload_id: RowId) -> None:
    uploads.delete_upload(context, account_id, upload_id)


def view(found: UploadWithParts) -> UploadView:
    fields: dict[str, Any] = {
        name: getattr(found.upload, name, None) for name in UploadView.model_fields
    }
    shown = [PartView.model_validate(part) for part in found.parts]
    return UploadView(**{**fields, "parts": shown, "part_count": uploads.part_count(found.upload)})
