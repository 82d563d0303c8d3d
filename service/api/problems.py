"""Errors as RFC 9457 problem+json: one handler for all of them, and their OpenAPI."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg.errors import DiskFull
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from service.api import refusals
from service.contract.errors import (
    BodyTooLarge,
    IdempotencyKeyMalformed,
    IdempotencyKeyReused,
    Learn2CompressError,
    Malformed,
    MethodNotAllowed,
    NotFound,
    RequestUnderWay,
    StorageFull,
    StoreUnavailable,
    Unauthorized,
    Unavailable,
)
from service.contract.storage import NO_SPACE
from service.contract.views import InputProblem, Problem
from service.security_headers import ON_EVERY_ANSWER

MEDIA_TYPE = "application/problem+json"
EXPECTED: tuple[type[Exception], ...] = (
    Learn2CompressError,
    RequestValidationError,
    HTTPException,
    OSError,
    OperationalError,
    PoolTimeout,
)
OF_REPETITION = (IdempotencyKeyMalformed, IdempotencyKeyReused, RequestUnderWay)
"""What a route may answer that takes an Idempotency-Key."""
log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    # Starlette re-raises what only the handler of Exception catches, so each kind is registered.
    for kind in (*EXPECTED, Exception):
        app.add_exception_handler(kind, answer)


async def answer(request: Request, error: Exception) -> JSONResponse:
    known = translate(error)
    request.state.problem_code = known.code
    if known.status == 500:
        log.error("unexpected error", exc_info=error)
    await refusals.record(request, known)
    problem = describe(known)
    if isinstance(error, RequestValidationError):
        problem.errors = places(error)
    # Starlette answers unexpected errors outside of all middleware.
    headers = ON_EVERY_ANSWER | dict(getattr(error, "headers", None) or {})
    headers["Cache-Control"] = "no-store"
    if isinstance(known, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(known, MethodNotAllowed):
        # The exception knows the methods of the first route at this path only, the description all.
        headers["Allow"] = ", ".join(sorted(_methods(request))) or headers.get("Allow", "")
    return JSONResponse(
        problem.model_dump(exclude_none=True), known.status, headers, media_type=MEDIA_TYPE
    )


def describe(error: Learn2CompressError) -> Problem:
    """What a client is told of the error."""
    return Problem(
        type=f"urn:l2c:problem:{error.code}",
        title=title(error.code),
        status=error.status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        cause_code=error.cause_code,
    )


def translate(error: Exception) -> Learn2CompressError:
    """Any exception as one of ours; an unexpected one becomes ``internal``, without details."""
    match error:
        case StoreUnavailable():
            log.warning("%s", error)
            # Its message names the store's address, which is the operator's business.
            return StoreUnavailable("The object store does not answer.")
        case Learn2CompressError():
            return error
        case RequestValidationError(body=bytes()):
            return Malformed(
                "The body is not announced as JSON.",
                "Send Content-Type: application/json; curl --json does.",
            )
        case RequestValidationError():
            told = "; ".join(f"{place.loc}: {place.msg}" for place in places(error)[:5])
            return Malformed(told or "The request is malformed.")
        case HTTPException():
            return _of_status(error)
        case OSError() if error.errno in NO_SPACE:
            return StorageFull("There is no space left for this.")
        case OperationalError() if "disk is full" in str(error.orig) or isinstance(
            error.orig, DiskFull
        ):
            return StorageFull("There is no space left for this.")
        case OperationalError() | PoolTimeout():
            log.warning("the database does not answer: %s", error)
            return Unavailable("The database does not answer.")
    return Learn2CompressError("Unexpected server error.")


def places(error: RequestValidationError) -> list[InputProblem]:
    """Where the input is wrong and why, without the input itself."""
    found = []
    for each in error.errors():
        place = ".".join(map(str, each["loc"]))
        found.append(InputProblem(loc=place, msg=each["msg"].removeprefix("Value error, ")))
    return found


def responses(*kinds: type[Learn2CompressError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of a route that may raise these."""
    grouped: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        empty: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        description = HTTPStatus(kind.status).phrase
        entry = grouped.setdefault(
            kind.status, {"description": description, "content": {MEDIA_TYPE: empty}}
        )
        entry["content"][MEDIA_TYPE]["examples"][kind.code] = {"value": _example(kind)}
    return grouped


def title(code: str) -> str:
    return code.replace("_", " ").capitalize()


def _example(kind: type[Learn2CompressError]) -> dict[str, Any]:
    return {
        "type": f"urn:l2c:problem:{kind.code}",
        "title": title(kind.code),
        "status": kind.status,
        "detail": "What is wrong with this request.",
        "code": kind.code,
        "hint": kind.hint,
    }


def _methods(request: Request) -> set[str]:
    """Of all described routes at this path."""
    found: set[str] = set()
    for path, methods in request.app.openapi()["paths"].items():
        if compile_path(path)[0].match(request.url.path):
            found.update(method.upper() for method in methods)
    return found


def _of_status(error: HTTPException) -> Learn2CompressError:
    if error.status_code == 404:
        return NotFound(
            "There is nothing at this path.", "The API lives under /v1; /docs lists its routes."
        )
    if error.status_code == 405:
        return MethodNotAllowed("This path does not support this method.")
    if error.status_code == 413:
        return BodyTooLarge()
    known = Malformed(str(error.detail))
    # FastAPI answers 400 to a body that it cannot parse; here that is 422 as for other bad input.
    if error.status_code != 400:
        known.status = error.status_code
    return known
