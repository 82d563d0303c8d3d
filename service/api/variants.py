"""/v1/variants: figures and files of what jobs made."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from service.api.problems import responses
from service.contract.attachment import attachment
from service.contract.errors import NotFound, RangeNotSatisfiable
from service.contract.job_views import VariantView
from service.contract.records import Variant
from service.contract.views import Page
from service.dependencies import AppContext, MayReadJob, RowId, WantedPage, WantedVariants
from service.jobs import variants
from service.paging import NEWEST_FIRST
from service.paging import Page as PageOf

router = APIRouter(prefix="/variants", tags=["variants"])
TFLITE = "application/octet-stream"
BINARY = {"schema": {"type": "string", "format": "binary"}}
FILE_RESPONSES = {
    200: {"description": "The whole file", "content": {TFLITE: BINARY}},
    206: {"description": "The requested range", "content": {TFLITE: BINARY}},
    304: {"description": "The client has this file already"},
    307: {"description": "A link of the object store that works for L2C_S3_LINK_SECONDS"},
    **responses(NotFound, RangeNotSatisfiable),
}
Sort = Annotated[variants.Sort, Query(description="A minus before it: descending.")]


@router.get(
    "",
    summary="List your variants by their figures",
    description="E.g. the most accurate of at most 100 kB that has the label `app:camera`: "
    "`?max_bytes=100000&label=app:camera&sort=-top1&limit=1`.",
    response_model=Page[VariantView],
)
def browse(
    context: AppContext,
    caller: MayReadJob,
    page: WantedPage,
    filters: WantedVariants,
    sort: Sort = NEWEST_FIRST,
) -> PageOf[Variant]:
    return variants.browse(context, caller, page, filters, sort)


@router.get(
    "/{variant_id}",
    summary="Get a variant's figures",
    response_model=VariantView,
    responses=responses(NotFound),
)
def read(context: AppContext, caller: MayReadJob, variant_id: RowId) -> Variant:
    return variants.read(context, caller, variant_id)


@router.head(
    "/{variant_id}/file",
    summary="Get the headers of the .tflite",
    response_class=Response,
    responses=responses(NotFound),
)
def file_headers(context: AppContext, caller: MayReadJob, variant_id: RowId) -> Response:
    variant = variants.read(context, caller, variant_id)
    size = {"Content-Length": str(variant.bytes)}
    return Response(headers=_file_headers(variant) | size, media_type=TFLITE)


@router.get(
    "/{variant_id}/file",
    summary="Download the .tflite",
    description="ETag is the file's SHA-256; If-None-Match, Range (one range) and If-Range work "
    "as usual.",
    response_class=StreamingResponse,
    responses=FILE_RESPONSES,  # type: ignore[arg-type]
)
async def file(
    context: AppContext,
    caller: MayReadJob,
    variant_id: RowId,
    redirect: Annotated[
        bool, Query(description="Answer with a link of the object store, if it has any.")
    ] = False,
    range: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> Response:
    threads = context.store_threads
    variant = await threads.run(variants.read, context, caller, variant_id)
    tag = f'"{variant.sha256}"'
    if redirect and (url := context.store.url(variant.key, variant.filename)):
        return RedirectResponse(url, 307, {"Cache-Control": "no-store"})
    if _matches(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    if if_range not in (None, tag):
        range = None
    wanted = variants.wanted_slice(range, variant.bytes)
    content = await threads.run(variants.content, context, variant, wanted)
    status = 200
    headers = _file_headers(variant) | {"Content-Length": str(wanted.end - wanted.start)}
    if wanted.partial:
        status = 206
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.end - 1}/{wanted.total}"
    return StreamingResponse(threads.stream(content), status, headers, TFLITE)


def _file_headers(variant: Variant) -> dict[str, str]:
    return {
        "ETag": f'"{variant.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": attachment(variant.filename),
    }


def _matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the header lists the tag, weak or strong, or is a star (RFC 9110, 13.1.2)."""
    listed = (if_none_match or "").split(",")
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in listed)
