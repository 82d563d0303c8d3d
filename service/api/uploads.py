"""/v1/uploads: large files in parts, resumable."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from service.api.idempotent_answers import SENT_ON
from service.api.problems import OF_REPETITION, responses
from service.contract.errors import (
    BodyIncomplete,
    Conflict,
    HashMismatch,
    Malformed,
    NotFound,
    PartTooLong,
    QuotaExceeded,
    StorageFull,
    TooLarge,
    UploadIncomplete,
)
from service.contract.records import Upload, UploadPart
from service.contract.views import (
    Completion,
    Name,
    NewUpload,
    Page,
    PartView,
    UploadState,
    UploadSummary,
    UploadView,
)
from service.dependencies import (
    AppContext,
    ContentSha256,
    MayRead,
    MayUpload,
    Once,
    RawBody,
    RowId,
    WantedPage,
)
from service.paging import Page as PageOf
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


@router.post(
    "",
    status_code=201,
    summary="Announce a file",
    responses=SENT_ON | responses(TooLarge, QuotaExceeded, *OF_REPETITION),
)
def create(
    context: AppContext, allowed: MayUpload, wanted: NewUpload, response: Response, caller: Once
) -> UploadView:
    found = uploads.create(context, caller, wanted)
    response.headers["Location"] = f"/v1/uploads/{found.upload.id}"
    return view(found)


@router.get("", summary="List your uploads, newest first", response_model=Page[UploadSummary])
def browse(
    context: AppContext,
    caller: MayRead,
    page: WantedPage,
    state: UploadState | None = None,
    name: Annotated[Name | None, Query(description="Exactly this file name.")] = None,
) -> PageOf[Upload]:
    return uploads.browse(context, caller.account_id, page, state, name)


@router.get("/{upload_id}", summary="List the received parts", responses=responses(NotFound))
def read(context: AppContext, caller: MayRead, upload_id: RowId) -> UploadView:
    return view(uploads.read(context, caller.account_id, upload_id))


@router.put(
    "/{upload_id}/parts/{number}",
    summary="Send one part",
    description="The raw bytes of part `number`: exactly part_bytes of them, the last part what is "
    "left. Parts may be sent in any order, in parallel and again; a part sent again is replaced.",
    response_model=PartView,
    responses=responses(
        NotFound, Conflict, HashMismatch, Malformed, BodyIncomplete, PartTooLong, StorageFull
    ),
    openapi_extra=RAW,
)
async def put_part(
    context: AppContext,
    caller: MayUpload,
    upload_id: RowId,
    number: PartNumber,
    sha256: ContentSha256,
    body: RawBody,
) -> UploadPart:
    return await parts.put(context, caller.account_id, upload_id, number, body, sha256)


@router.post(
    "/{upload_id}/complete",
    summary="Check the whole file and close the upload",
    responses=responses(NotFound, HashMismatch, Malformed, UploadIncomplete, Conflict),
)
async def complete(
    context: AppContext,
    caller: MayUpload,
    upload_id: RowId,
    completion: Completion = NOTHING_ANNOUNCED,
) -> UploadView:
    account_id = caller.account_id
    completed = await context.hashing_threads.run(
        account_id, uploads.complete, context, account_id, upload_id, completion.sha256
    )
    return view(completed)


@router.delete(
    "/{upload_id}",
    status_code=204,
    summary="Abort the upload and delete its parts",
    responses=responses(NotFound, Conflict),
)
def delete(context: AppContext, caller: MayUpload, upload_id: RowId) -> None:
    uploads.remove(context, caller, upload_id)


def view(found: UploadWithParts) -> UploadView:
    summary = UploadSummary.model_validate(found.upload).model_dump()
    parts = [PartView.model_validate(part) for part in found.parts]
    return UploadView(**summary, parts=parts)
