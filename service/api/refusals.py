"""Writes into the audit log that a change was refused.

Of one key only so many, since they cost it nothing; the metrics count all.
"""

import logging
import re

from fastapi import Request
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from service import audit
from service.accounts.rate_limits import Buckets
from service.app_context import AppContext
from service.caller import Caller
from service.contract.errors import Conflict, Forbidden, Learn2CompressError, NotFound

log = logging.getLogger(__name__)
RECORDED = (Forbidden, NotFound, Conflict)
READING = ("GET", "HEAD")
PER_MINUTE, AT_ONCE = 30, 60
ID = re.compile(r"[a-z0-9_]{1,64}")


def new_buckets() -> Buckets:
    return Buckets("refusals", PER_MINUTE, AT_ONCE)


async def record(request: Request, error: Learn2CompressError) -> None:
    """Only of a key that is known: others have no account whose log it could be.

    The answer is more important: when it cannot be written, that is only logged.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    route = request.scope.get("route")
    if caller is None or request.method in READING or not isinstance(error, RECORDED):
        return
    buckets: Buckets = request.app.state.refusals
    if not isinstance(route, APIRoute) or not buckets.take(caller.key_id).allowed:
        return
    action = f"{str(route.tags[0]).removesuffix('s')}.{route.name}"
    # Of a path such as uploads/{upload_id}/parts/{number}, the first; perhaps not checked yet.
    object_id = next(iter(request.path_params.values()), None)
    if object_id is not None and not ID.fullmatch(object_id):
        object_id = None
    context: AppContext = request.app.state.context
    try:
        await run_in_threadpool(
            audit.record_refusal, context.sessions, caller, action, object_id, error.code
        )
    except SQLAlchemyError:
        log.exception("could not record that %s was refused", action)
