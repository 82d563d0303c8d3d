"""HTTP requests that survive a bad connection: retried with growing pauses where that is safe."""

import json
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from service.contract.job_views import EVENT, ProgressEventView, StateEventView

View = TypeVar("View", bound=BaseModel)
LONGEST_PAUSE_SECONDS = 5.0
# The event stream sends a line to keep the connection alive every 15 s when there is no event.
LONGEST_SILENCE_SECONDS = 60.0
# Longer than a restart of the service takes, also with a migration.
LONGEST_OUTAGE_SECONDS = 300.0
LONGEST_WAIT_SECONDS = 60
REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
TEMPORARY = frozenset({502, 503, 504})
TOO_MANY_REQUESTS, SEE_OTHER = 429, 303
# The service answers these a second time as it did the first time, by their Idempotency-Key.
NOUNS = ("uploads", "models", "datasets", "jobs", "keys", "webhooks")
CREATING = frozenset(f"/v1/{noun}" for noun in NOUNS)


class ClientError(Exception):
    """Base of what the SDK raises: a stable code, a message and a hint on what to do next."""

    def __init__(self, code: str, message: str, hint: str = ""):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.hint = code, message, hint


class ConnectionFailed(ClientError):
    """No answer after all retries."""


class DamagedDownload(ClientError):
    """The bytes that arrived are not those of the file."""


class Refused(ClientError):
    """The service answered with a problem (RFC 9457).

    ``cause_code`` tells, with code ``rejected``, what the inspection found.
    """

    def __init__(
        self, status: int, code: str, message: str, hint: str = "", cause_code: str | None = None
    ):
        super().__init__(code, message, hint)
        self.status, self.cause_code = status, cause_code


class Transport:
    """One connection pool with one key."""

    def __init__(self, url: str, key: str, timeout: float, attempts: int):
        self.url = url.rstrip("/")
        self._attempts = attempts
        self._last_answer = float("-inf")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._http = httpx.Client(
                base_url=self.url, headers=headers, timeout=timeout, trust_env=False
            )
        except (httpx.InvalidURL, UnicodeEncodeError, ValueError) as error:
            raise ConnectionFailed(
                "bad_url", f"{url!r} with this key cannot be used: {error}"
            ) from error

    def close(self) -> None:
        self._http.close()

    def json(self, method: str, path: str, **how: Any) -> Any:
        try:
            return self.request(method, path, **how).json()
        except ValueError as error:
            raise _not_this_service(200) from error

    def request(
        self, method: str, path: str, *, repeatable: bool = False, patient: bool = False, **how: Any
    ) -> httpx.Response:
        """The answer if it is no error, else raises Refused or ConnectionFailed.

        A request that may have changed something is sent again only if it is ``repeatable`` or
        never reached the service. A ``patient`` one is tried again throughout an outage. One that
        came too early is sent again when the service says so, for at most five minutes.
        """
        if method == "POST" and path in CREATING:
            repeatable = True
            how["headers"] = {"Idempotency-Key": secrets.token_hex(16), **how.get("headers", {})}
        repeatable = repeatable or method in REPEATABLE
        attempt, end_of_waiting = 1, time.monotonic() + LONGEST_OUTAGE_SECONDS
        while True:
            is_last_attempt = self.gives_up(attempt, patient)
            try:
                answer = self._http.request(method, path, **how)
            except httpx.TransportError as error:
                unsent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
                if is_last_attempt or not (unsent or repeatable):
                    raise self._failed(f"does not answer: {error}") from error
            else:
                if answer.status_code == TOO_MANY_REQUESTS and time.monotonic() < end_of_waiting:
                    wait_as_told(answer)
                    continue
                if answer.status_code == SEE_OTHER:
                    # An earlier try has created it, and its answer was lost.
                    method, path, how = "GET", answer.headers["Location"], {}
                    continue
                if attempt > 1 and method == "DELETE" and answer.status_code == 404:
                    return answer  # deleted by an earlier try, whose answer was lost
                temporary = answer.status_code in TEMPORARY or _is_under_way(answer)
                if is_last_attempt or not (repeatable and temporary):
                    self._last_answer = time.monotonic()
                    return raise_for_error(answer)
            pause(attempt)
            attempt += 1

    @contextmanager
    def stream(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """An answer that is no error, its body not yet read. Raises Refused or ConnectionFailed."""
        try:
            with self._http.stream(
                "GET", path, headers=headers, timeout=LONGEST_SILENCE_SECONDS
            ) as answer:
                if answer.status_code == TOO_MANY_REQUESTS:
                    wait_as_told(answer)
                if answer.status_code in TEMPORARY | {TOO_MANY_REQUESTS}:
                    raise self._failed(f"is unavailable: {answer.status_code}")
                if answer.is_error:
                    answer.read()
                raise_for_error(answer)
                try:
                    yield answer
                finally:
                    self._last_answer = time.monotonic()
        except httpx.TransportError as error:
            raise self._failed(f"does not answer: {error}") from error

    def events(self, path: str, after: int) -> Iterator[ProgressEventView | StateEventView]:
        """The events after ``after`` until the stream ends; reconnects, also after an outage."""
        failures = 0
        while True:
            try:
                with self.stream(path, {"Last-Event-ID": str(after)}) as answer:
                    for event in parse_events(answer.iter_lines()):
                        after, failures = event.id, 0
                        yield event
                return
            except ConnectionFailed:
                failures += 1
                if self.gives_up(failures):
                    raise
                pause(failures)

    def gives_up(self, failures: int, patient: bool = True) -> bool:
        """Whether to stop trying. A service that answered a short time ago may be restarting."""
        restarting = patient and time.monotonic() < self._last_answer + LONGEST_OUTAGE_SECONDS
        return failures >= self._attempts and not restarting

    def _failed(self, problem: str) -> ConnectionFailed:
        hint = (
            "Is the service running there? `l2c serve` starts one; --url or L2C_URL names another."
        )
        return ConnectionFailed("cannot_connect", f"{self.url} {problem}", hint)


def api_path(*parts: object) -> str:
    """The path below /v1, every part escaped, since an id may hold any character."""
    return "/v1/" + "/".join(quote(str(part), safe="") for part in parts)


def pause(attempt: int) -> None:
    """Wait 0.2 s, then twice as long each time up to 5 s.

    Randomly up to a half less, so that clients do not come back all at once.
    """
    seconds = min(LONGEST_PAUSE_SECONDS, 0.1 * 2**attempt)
    time.sleep(seconds * random.uniform(0.5, 1.0))


def wait_as_told(answer: httpx.Response) -> None:
    """Wait for Retry-After, at most a minute, and up to a quarter more, as others wait, too."""
    told = answer.headers.get("Retry-After", "")
    seconds = int(told) if told.isdecimal() else 1
    time.sleep(min(seconds, LONGEST_WAIT_SECONDS) * random.uniform(1.0, 1.25))


def raise_for_error(answer: httpx.Response) -> httpx.Response:
    """The answer; raises Refused if it is an error."""
    if not answer.is_error:
        return answer
    try:
        problem = answer.json()
        code, detail, hint = problem["code"], problem["detail"], problem.get("hint", "")
    except (ValueError, KeyError, TypeError):
        raise _not_this_service(answer.status_code) from None
    raise Refused(answer.status_code, code, detail, hint, problem.get("cause_code"))


def validate_view(view: type[View], answer: Any) -> View:
    """The answer as ``view``; fields that a newer service may add are ignored."""
    try:
        return view.model_validate(answer, extra="ignore")
    except ValidationError as error:
        raise _not_this_service(200) from error


def parse_events(lines: Iterator[str]) -> Iterator[ProgressEventView | StateEventView]:
    """Server-sent events with ids; comments, which keep the connection alive, are dropped."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        if {"id", "data"} <= fields.keys():
            yield _event(fields)
        fields = {}


def _event(fields: dict[str, str]) -> ProgressEventView | StateEventView:
    try:
        data = json.loads(fields["data"])
        event = {"id": fields["id"], "type": fields.get("event"), "data": data}
        return EVENT.validate_python(event, extra="ignore")
    except ValueError as error:
        raise _not_this_service(200) from error


def _is_under_way(answer: httpx.Response) -> bool:
    """Whether the service still works on an earlier try of the same request."""
    return answer.status_code == 409 and b'"request_under_way"' in answer.content


def _not_this_service(status: int) -> Refused:
    message = f"The answer, with status {status}, is not in this service's format."
    hint = "Check the URL; a newer service may need a newer l2c."
    return Refused(status, "not_this_service", message, hint)
