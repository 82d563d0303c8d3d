"""/v1/models and /v1/datasets: the same routes over the same use cases, once for each kind."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from service.api.idempotent_answers import SENT_ON
from service.api.problems import OF_REPETITION, responses
from service.api.uploads import RAW
from service.contract.errors import (
    BodyIncomplete,
    Conflict,
    HashMismatch,
    Malformed,
    NotFound,
    QuotaExceeded,
    StorageFull,
    TooLarge,
    UploadIncomplete,
)
from service.contract.job import InspectionState
from service.contract.views import Name, NewRecord, Page, RecordSummary, Sha256
from service.dependencies import (
    AppContext,
    ContentLength,
    ContentSha256,
    FileOnce,
    LabelWords,
    MayRead,
    MayUpload,
    NameFilter,
    Once,
    RawBody,
    RowId,
    WantedPage,
)
from service.jobs import inspections
from service.jobs.inspections import Kind
from service.paging import Filters
from service.uploads import whole_file

Filename = Annotated[
    str,
    Query(min_length=1, max_length=1000, description="Its suffix may help; its content decides."),
]
RecordName = Annotated[Name | None, Query(description="The file name when left out.")]
UploadSha256 = Annotated[Sha256 | None, Query(description="Made of a file with this hash.")]


def routes(kind: Kind[Any], view: type[RecordSummary]) -> APIRouter:
    noun = kind.noun
    router = APIRouter(prefix=f"/{noun}s", tags=[f"{noun}s"])

    @router.post(
        "",
        status_code=201,
        summary=f"Make a {noun} of a completed upload",
        response_model=view,
        responses=SENT_ON
        | responses(NotFound, UploadIncomplete, Conflict, QuotaExceeded, *OF_REPETITION),
    )
    def create(
        context: AppContext, allowed: MayUpload, wanted: NewRecord, response: Response, caller: Once
    ) -> Any:
        record = inspections.create(context, kind, caller, wanted)
        response.headers["Location"] = f"/v1/{noun}s/{record.id}"
        return record

    @router.post(
        "/upload",
        status_code=201,
        summary=f"Upload a {noun} in one request",
        description="The raw body is the file: "
        f"`curl -T FILE -X POST .../v1/{noun}s/upload?filename=FILE`.",
        response_model=view,
        responses=SENT_ON
        | responses(
            HashMismatch,
            Malformed,
            BodyIncomplete,
            TooLarge,
            StorageFull,
            QuotaExceeded,
            *OF_REPETITION,
        ),
        openapi_extra=RAW,
    )
    async def upload(
        context: AppContext,
        allowed: MayUpload,
        filename: Filename,
        length: ContentLength,
        sha256: ContentSha256,
        labels: LabelWords,
        body: RawBody,
        response: Response,
        caller: FileOnce,
        name: RecordName = None,
    ) -> Any:
        upload_id = await whole_file.receive(context, caller, filename, body, length, sha256)
        wanted = NewRecord(upload_id=upload_id, name=name, labels=labels)
        record = await inspections.create_on_event_loop(context, kind, caller, wanted)
        response.headers["Location"] = f"/v1/{noun}s/{record.id}"
        return record

    @router.get("", summary=f"List your {noun}s, newest first", response_model=Page[RecordSummary])
    def browse(
        context: AppContext,
        caller: MayRead,
        page: WantedPage,
        labels: LabelWords,
        state: InspectionState | None = None,
        name: NameFilter = None,
        sha256: UploadSha256 = None,
    ) -> Any:
        filters = Filters(state, name, labels)
        return inspections.browse(context, kind, caller.account_id, page, filters, sha256)

    @router.get(
        "/{record_id}",
        summary=f"Get a {noun} with what inspection found",
        response_model=view,
        responses=responses(NotFound),
    )
    def read(context: AppContext, caller: MayRead, record_id: RowId) -> Any:
        return inspections.read(context, kind, caller.account_id, record_id)

    @router.post(
        "/{record_id}/inspect",
        status_code=202,
        summary=f"Inspect a rejected {noun} again, whose file is still there",
        response_model=view,
        responses=responses(NotFound, Conflict, QuotaExceeded),
    )
    def inspect(context: AppContext, caller: MayUpload, record_id: RowId) -> Any:
        return inspections.inspect_again(context, kind, caller, record_id)

    @router.delete(
        "/{record_id}",
        status_code=204,
        summary=f"Delete a {noun} that no job uses, with its upload; ends its inspection",
        responses=responses(NotFound, Conflict),
    )
    def delete(context: AppContext, caller: MayUpload, record_id: RowId) -> None:
        inspections.remove(context, kind, caller, record_id)

    return router
