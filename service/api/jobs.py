"""/v1/jobs: compressions, what they say while they run, and what they found."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from service.api.problems import responses
from service.contract.errors import IllegalMove, NotFound, NotReady
from service.contract.records import Job
from service.contract.views import JobSummary, JobView, NewJob, Page, VariantView
from service.dependencies import AccountId, AppContext, RowId, Tailer, WantedPage, WatchedJob
from service.jobs import jobs
from service.paging import Page as PageOf

router = APIRouter(prefix="/jobs", tags=["jobs"])
MEDIA_TYPES = {"png": "image/png", "svg": "image/svg+xml"}
INERT = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


@router.post(
    "", status_code=201, summary="Compress a model", responses=responses(NotFound, NotReady)
)
def submit(
    context: AppContext, account_id: AccountId, wanted: NewJob, response: Response
) -> JobView:
    found = jobs.submit(context, account_id, wanted)
    response.headers["Location"] = f"/v1/jobs/{found.job.id}"
    return view(found)


@router.get("", summary="Your jobs, newest first", response_model=Page[JobSummary])
def browse(context: AppContext, account_id: AccountId, page: WantedPage) -> PageOf[Job]:
    return jobs.browse(context, account_id, page)


@router.get("/{job_id}", summary="One job", responses=responses(NotFound))
def read(context: AppContext, account_id: AccountId, job_id: RowId) -> JobView:
    return view(jobs.read(context, account_id, job_id))


@router.post(
    "/{job_id}/cancel", summary="End a job early", responses=responses(NotFound, IllegalMove)
)
def cancel(context: AppContext, account_id: AccountId, job_id: RowId) -> JobView:
    return view(jobs.cancel(context, account_id, job_id))


@router.get(
    "/{job_id}/events",
    summary="What a job says, as it happens (server-sent events)",
    description="Events `progress` and `state`; the stream ends after the state that ends the job. Send the id of the "
    "last event that you have as Last-Event-ID to go on behind it.",
    response_class=EventSourceResponse,
    responses=responses(NotFound),
)
async def events(
    tailer: Tailer,
    job_id: WatchedJob,
    last_event_id: Annotated[int, Header(ge=0, le=2**63 - 1)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    async for event in tailer.watch(job_id, last_event_id):
        data = {**event.data, "attempt": event.attempt, "at": event.created_at}
        yield ServerSentEvent(id=str(event.id), event=event.type, data=data)


@router.get("/{job_id}/report", summary="report.json", responses=responses(NotFound, NotReady))
def report(context: AppContext, account_id: AccountId, job_id: RowId) -> dict[str, Any]:
    return jobs.finished(context, account_id, job_id).report or {}


@router.get(
    "/{job_id}/plot",
    summary="Accuracy over bytes, drawn",
    response_class=StreamingResponse,
    responses={
        200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}},
        **responses(NotFound, NotReady),
    },
)
def plot(
    context: AppContext,
    account_id: AccountId,
    job_id: RowId,
    format: Annotated[Literal["png", "svg"], Query()] = "png",
) -> StreamingResponse:
    content = jobs.plot(context, account_id, job_id, format)
    return StreamingResponse(content, media_type=MEDIA_TYPES[format], headers=INERT)


def view(found: jobs.JobWithVariants) -> JobView:
    summary = JobSummary.model_validate(found.job).model_dump()
    report = found.job.report
    variants = [VariantView.model_validate(variant) for variant in found.variants]
    return JobView(
        **summary, baseline=(report or {}).get("baseline"), report=report, variants=variants
    )
