"""What routes take as annotated parameters; the only place where Depends appears."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, cast

from fastapi import Depends, Header, Path, Query, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from service import app_context, idempotency
from service.accounts.authentication import Authentication, hashed
from service.caller import Caller
from service.contract.account_views import Scope
from service.contract.errors import BodyIncomplete, Malformed
from service.contract.job import Quantization
from service.contract.views import Id, LabelText, Name, labels_of
from service.jobs import events
from service.jobs.variants import VariantFilters
from service.paging import PageRequest
from service.uploads.receiving import Body, drain, until_cut_off

bearer = HTTPBearer(
    auto_error=False,
    description="An API key: `l2c serve` prints the first, POST /v1/keys makes more.",
)


async def _app_context(request: Request) -> app_context.AppContext:
    built: app_context.AppContext = request.app.state.context
    return built


AppContext = Annotated[app_context.AppContext, Depends(_app_context)]


async def _caller(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None,
) -> Caller:
    authentication: Authentication = request.app.state.authentication
    secret = credentials.credentials if credentials else None
    address = request.client.host if request.client else None
    if authentication.remembers(secret):
        admission = authentication.admit(secret, address)
    else:
        admission = await run_in_threadpool(authentication.admit, secret, address)
    request.state.rate_limit, request.state.caller = admission.rate_limit, admission.caller
    return admission.caller


async def _allowed_on_a_job(
    security: SecurityScopes, caller: Annotated[Caller, Depends(_caller)]
) -> Caller:
    for scope in security.scopes:
        caller.require(cast(Scope, scope))
    return caller


async def _allowed(caller: Annotated[Caller, Depends(_allowed_on_a_job)]) -> Caller:
    caller.require_unbound()
    return caller


# A route names the scope that it needs by taking one of these; OpenAPI shows it under `security`.
# Those of a job accept keys that are bound to one: the use case shows them no other.
MayRead = Annotated[Caller, Security(_allowed, scopes=["read"])]
MayReadJob = Annotated[Caller, Security(_allowed_on_a_job, scopes=["read"])]
MayUpload = Annotated[Caller, Security(_allowed, scopes=["upload"])]
MayCreateJobs = Annotated[Caller, Security(_allowed, scopes=["jobs"])]
MayChangeJob = Annotated[Caller, Security(_allowed_on_a_job, scopes=["jobs"])]
MayManageKeys = Annotated[Caller, Security(_allowed, scopes=["keys"])]
RowId = Annotated[Id, Path(description="The id that the service gave.")]


async def _tailer(request: Request) -> events.Tailer:
    tailer: events.Tailer = request.app.state.tailer
    return tailer


Tailer = Annotated[events.Tailer, Depends(_tailer)]


def _watched_job(context: AppContext, caller: MayReadJob, job_id: RowId) -> str:
    return events.watched_job(context.sessions, caller, job_id)


WatchedJob = Annotated[str, Depends(_watched_job)]


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=200, description="Rows per page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="The previous page's next_cursor.")
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


WantedPage = Annotated[PageRequest, Depends(_page_request)]
NameFilter = Annotated[Name | None, Query(description="Exactly this name.")]


async def _labels(
    label: Annotated[
        list[LabelText] | None,
        Query(
            max_length=32,
            description="``key:value``; given several times, with different keys, all must match.",
        ),
    ] = None,
) -> dict[str, str]:
    try:
        return labels_of(label or [])
    except ValueError as error:
        raise Malformed(f"query.label: {error}.") from error


LabelWords = Annotated[dict[str, str], Depends(_labels)]


async def _variant_filters(
    labels: LabelWords,
    max_bytes: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    max_macs: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    max_latency_ms: Annotated[
        float | None, Query(gt=0, le=1e6, description="Of the median, as measured.")
    ] = None,
    min_top1: Annotated[float | None, Query(gt=0, le=1)] = None,
    min_top3: Annotated[float | None, Query(gt=0, le=1)] = None,
    min_top5: Annotated[float | None, Query(gt=0, le=1)] = None,
    quantization: Quantization | None = None,
    name: NameFilter = None,
    job_id: Id | None = None,
) -> VariantFilters:
    return VariantFilters(
        max_bytes,
        max_macs,
        max_latency_ms,
        min_top1,
        min_top3,
        min_top5,
        quantization,
        name,
        job_id,
        labels,
    )


WantedVariants = Annotated[VariantFilters, Depends(_variant_filters)]


async def _body(request: Request, caller: MayUpload) -> AsyncIterator[Body]:
    chunks = request.stream()
    try:
        yield Body(until_cut_off(chunks))
    except BodyIncomplete:
        raise
    except Exception:
        # Clients send the whole body before they read the answer: read some more of it.
        await drain(chunks)
        raise


RawBody = Annotated[Body, Depends(_body)]


async def _fingerprint(request: Request) -> str:
    """Of a request with a short body."""
    return _hash(request, (await request.body()).hex())


async def _fingerprint_of_file(request: Request) -> str:
    """Of a request whose body is a file: of what its headers announce."""
    announced = [request.headers.get(name, "") for name in ("content-length", "x-content-sha256")]
    return _hash(request, request.url.query, *announced)


def _hash(request: Request, *what: str) -> str:
    return hashed("\n".join([request.method, request.url.path, *what]))


IdempotencyKey = Annotated[
    str | None,
    Header(description="A random word; the same request with the same word creates nothing new."),
]


def _once(
    request: Request,
    context: AppContext,
    fingerprint: Annotated[str, Depends(_fingerprint)],
    idempotency_key: IdempotencyKey = None,
) -> Caller:
    return _claim(request, context, fingerprint, idempotency_key)


def _once_with_secret(
    request: Request,
    context: AppContext,
    fingerprint: Annotated[str, Depends(_fingerprint)],
    idempotency_key: IdempotencyKey = None,
) -> Caller:
    return _claim(request, context, fingerprint, idempotency_key, has_secret=True)


def _file_once(
    request: Request,
    context: AppContext,
    fingerprint: Annotated[str, Depends(_fingerprint_of_file)],
    idempotency_key: IdempotencyKey = None,
) -> Caller:
    longest = idempotency.LONGEST_PART
    return _claim(request, context, fingerprint, idempotency_key, longest=longest)


def _claim(
    request: Request,
    context: app_context.AppContext,
    fingerprint: str,
    key: str | None,
    *,
    has_secret: bool = False,
    longest: timedelta = idempotency.LONGEST_REQUEST,
) -> Caller:
    # A dependency on _caller would count the request twice: its scopes are part of its identity.
    caller: Caller = request.state.caller
    if key is None:
        return caller
    key, token = idempotency.checked(key), idempotency.new_token()
    claim = idempotency.Claim(context.sessions, caller.account_id, key, token, has_secret)
    idempotency.claim(claim, fingerprint, longest)
    request.state.claim = claim
    return replace(caller, request_token=token)


# A route that creates something takes one of these as its caller, after the one with its scope.
Once = Annotated[Caller, Depends(_once)]
OnceWithSecret = Annotated[Caller, Depends(_once_with_secret)]
FileOnce = Annotated[Caller, Depends(_file_once)]


async def _content_length(
    content_length: Annotated[int | None, Header(ge=0, le=2**53)] = None,
) -> int | None:
    return content_length


ContentLength = Annotated[int | None, Depends(_content_length)]


async def _content_sha256(
    x_content_sha256: Annotated[
        str | None,
        Header(pattern="^[0-9a-f]{64}$", description="SHA-256 of the body, checked when given."),
    ] = None,
) -> str | None:
    return x_content_sha256


ContentSha256 = Annotated[str | None, Depends(_content_sha256)]
