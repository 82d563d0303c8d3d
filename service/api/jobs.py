"""/v1/jobs: compressions, their events while they run, and their results."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from service.api.idempotent_answers import SENT_ON
from service.api.problems import OF_REPETITION, responses
from service.contract.errors import IllegalMove, NotFound, NotReady, QuotaExceeded, Rejected
from service.contract.job import JobState
from service.contract.job_views import EVENT, JobSummary, JobView, NewJob, VariantView
from service.contract.records import Job
from service.contract.report import Report
from service.contract.views import Id, Page
from service.dependencies import (
    AppContext,
    LabelWords,
    MayChangeJob,
    MayCreateJobs,
    MayReadJob,
    NameFilter,
    Once,
    RowId,
    Tailer,
    WantedPage,
    WatchedJob,
)
from service.jobs import jobs
from service.jobs.jobs import Inputs
from service.paging import Filters
from service.paging import Page as PageOf

router = APIRouter(prefix="/jobs", tags=["jobs"])
MEDIA_TYPES = {"png": "image/png", "svg": "image/svg+xml"}
# An SVG may hold scripts; a browser that opens it must not run them.
INERT = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events; `data` of each is the `data` of this schema.",
        "content": {"text/event-stream": {"itemSchema": {"$ref": "#/components/schemas/JobEvent"}}},
    }
}


@router.post(
    "",
    status_code=201,
    summary="Compress a model",
    responses=SENT_ON | responses(NotFound, NotReady, Rejected, QuotaExceeded, *OF_REPETITION),
)
def create(
    context: AppContext, allowed: MayCreateJobs, wanted: NewJob, response: Response, caller: Once
) -> JobView:
    found = jobs.create(context, caller, wanted)
    response.headers["Location"] = f"/v1/jobs/{found.job.id}"
    return view(found)


@router.get("", summary="List your jobs, newest first", response_model=Page[JobSummary])
def browse(
    context: AppContext,
    caller: MayReadJob,
    page: WantedPage,
    labels: LabelWords,
    state: JobState | None = None,
    name: NameFilter = None,
    model_id: Id | None = None,
    dataset_id: Id | None = None,
) -> PageOf[Job]:
    filters, inputs = Filters(state, name, labels), Inputs(model_id, dataset_id)
    return jobs.browse(context, caller, page, filters, inputs)


@router.get("/{job_id}", summary="Get a job with its results", responses=responses(NotFound))
async def read(context: AppContext, caller: MayReadJob, job_id: RowId) -> JobView:
    # The route that is asked most often: FastAPI would check the answer in a second thread.
    return view(await run_in_threadpool(jobs.read, context, caller, job_id))


@router.delete(
    "/{job_id}",
    status_code=204,
    summary="Delete an ended job with its variants, events, report and files",
    responses=responses(NotFound, IllegalMove),
)
def delete(context: AppContext, caller: MayChangeJob, job_id: RowId) -> None:
    jobs.remove(context, caller, job_id)


@router.post(
    "/{job_id}/cancel", summary="End a job early", responses=responses(NotFound, IllegalMove)
)
def cancel(context: AppContext, caller: MayChangeJob, job_id: RowId) -> JobView:
    return view(jobs.cancel(context, caller, job_id))


@router.get(
    "/{job_id}/events",
    summary="Watch a job (server-sent events)",
    description="Events `progress` and `state`; the stream ends after the state that ends the job. "
    "Send the id of the last event that you have as Last-Event-ID to get those after it.",
    response_class=EventSourceResponse,
    responses=EVENT_STREAM | responses(NotFound),
)
async def events(
    tailer: Tailer,
    job_id: WatchedJob,
    last_event_id: Annotated[int, Header(ge=0, le=2**63 - 1)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    async for event in tailer.watch(job_id, last_event_id):
        data = {**event.data, "attempt": event.attempt, "at": event.created_at}
        typed = EVENT.validate_python({"id": event.id, "type": event.type, "data": data})
        yield ServerSentEvent(id=str(typed.id), event=typed.type, data=typed.data)


@router.get("/{job_id}/report", summary="Get report.json", responses=responses(NotFound, NotReady))
def report(context: AppContext, caller: MayReadJob, job_id: RowId) -> Report:
    return Report.model_validate(jobs.succeeded(context, caller, job_id).report)


@router.get(
    "/{job_id}/plot",
    summary="Get the plot of accuracy over bytes",
    response_class=StreamingResponse,
    responses={
        200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}},
        **responses(NotFound, NotReady),
    },
)
async def plot(
    context: AppContext,
    caller: MayReadJob,
    job_id: RowId,
    format: Annotated[Literal["png", "svg"], Query()] = "png",
) -> StreamingResponse:
    threads = context.store_threads
    content = await threads.run(jobs.plot, context, caller, job_id, format)
    return StreamingResponse(threads.stream(content), media_type=MEDIA_TYPES[format], headers=INERT)


def view(found: jobs.JobWithVariants) -> JobView:
    """The job; each figure of its report stands in it once."""
    job = found.job
    baseline = rest = None
    if job.report:
        rest = {name: job.report[name] for name in job.report.keys() - {"baseline", "variants"}}
        baseline = job.report["baseline"]
    return JobView.model_validate(
        {
            **JobSummary.model_validate(job).model_dump(),
            "spec": job.spec,
            "baseline": baseline,
            "report": rest,
            "variants": [VariantView.model_validate(variant) for variant in found.variants],
        }
    )
