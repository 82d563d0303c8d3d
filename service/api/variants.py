"""/v1/variants: figures and files of what a job made."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from service.api.problems import responses
from service.contract.errors import NotFound, RangeNotSatisfiable
from service.contract.records import Variant
from service.contract.storage import attachment
from service.contract.views import VariantView
from service.dependencies import AccountId, AppContext, RowId
from service.jobs import variants

router = APIRouter(prefix="/variants", tags=["variants"])
TFLITE = "application/octet-stream"
BINARY = {"schema": {"type": "string", "format": "binary"}}
FILE_RESPONSES = {
    200: {"description": "The whole file", "content": {TFLITE: BINARY}},
    206: {"description": "The range that was asked for", "content": {TFLITE: BINARY}},
    304: {"description": "The client has this file already"},
    307: {"description": "To a link of the object store that works for an hour"},
    **responses(NotFound, RangeNotSatisfiable),
}


@router.get(
    "/{variant_id}",
    summary="One variant's figures",
    response_model=VariantView,
    responses=responses(NotFound),
)
def read(context: AppContext, account_id: AccountId, variant_id: RowId) -> Variant:
    return variants.read(context, account_id, variant_id)


@router.head("/{variant_id}/file", include_in_schema=False)
@router.get(
    "/{variant_id}/file",
    summary="Download the .tflite",
    description="ETag is the file's SHA-256; If-None-Match, Range (one range) and If-Range work as usual.",
    response_class=StreamingResponse,
    responses=FILE_RESPONSES,  # type: ignore[arg-type]
)
def file(
    context: AppContext,
    account_id: AccountId,
    variant_id: RowId,
    redirect: Annotated[
        bool, Query(description="Go to the object store, where there is one.")
    ] = False,
    range: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> Response:
    variant = variants.read(context, account_id, variant_id)
    tag = f'"{variant.sha256}"'
    if redirect and (url := context.store.url(variant.key, variant.filename)):
        return RedirectResponse(url, 307)
    if any(
        each.strip().removeprefix("W/") in (tag, "*") for each in (if_none_match or "").split(",")
    ):
        return Response(status_code=304, headers={"ETag": tag})
    wanted = variants.wanted_slice(range if if_range in (None, tag) else None, variant.bytes)
    content = variants.content(context, variant, wanted)
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Content-Length": str(wanted.end - wanted.start),
        "Content-Disposition": attachment(variant.filename),
    }
    if wanted.partial:
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.end - 1}/{wanted.total}"
    return StreamingResponse(content, 206 if wanted.partial else 200, headers, TFLITE)
