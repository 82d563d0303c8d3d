"""Requests that survive a bad line: retried with growing pauses where that is safe, refused with
typed errors.
"""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import quote

import httpx

from service.contract.views import EventView

LONGEST_PAUSE_SECONDS = 5.0
SILENCE_SECONDS = 60.0
SECONDS_OF_PATIENCE = 300.0
REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
TEMPORARY = frozenset({502, 503, 504})


class ClientError(Exception):
    """Base of what the SDK raises: a stable code, a message and a hint on what to do next."""

    def __init__(self, code: str, message: str, hint: str = ""):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.hint = code, message, hint


class ConnectionFailed(ClientError):
    """Nobody answered, or the line broke and stayed broken."""


class Refused(ClientError):
    """The service answered with a problem (RFC 9457)."""

    def __init__(self, status: int, code: str, message: str, hint: str = ""):
        super().__init__(code, message, hint)
        self.status = status


class Transport:
    """One connection pool with one key."""

    def __init__(self, url: str, key: str, timeout: float, attempts: int):
        self.url = url.rstrip("/")
        self._attempts = attempts
        self._heard = float("-inf")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._http = httpx.Client(
                base_url=self.url, headers=headers, timeout=timeout, trust_env=False
            )
        except (httpx.InvalidURL, UnicodeEncodeError, ValueError) as error:
            raise ConnectionFailed(
                "bad_address", f"{url!r} with this key cannot be used: {error}"
            ) from error

    def close(self) -> None:
        self._http.close()

    def json(self, method: str, path: str, **how: Any) -> Any:
        return self.request(method, path, **how).json()

    def request(
        self, method: str, path: str, *, repeatable: bool = False, patient: bool = False, **how: Any
    ) -> httpx.Response:
        """The answer, when it is a good one. A request that may have had effects is not sent twice
        unless ``repeatable``; one that never reached the service always is. A ``patient`` one
        outlasts an outage.
        """
        for attempt in count():
            if attempt:
                pause(attempt)
            last = self._gives_up(attempt + 1, patient)
            try:
                answer = self._http.request(method, path, **how)
            except httpx.TransportError as error:
                unsent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
                if last or not (unsent or repeatable or method in REPEATABLE):
                    raise self._failed(error) from error
                continue
            if (
                last
                or answer.status_code not in TEMPORARY
                or not (repeatable or method in REPEATABLE)
            ):
                self._heard = time.monotonic()
                return checked(answer)
        raise AssertionError("counting does not end")

    @contextmanager
    def stream(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """A good answer whose body is still to come; raises ConnectionFailed where there is none or
        the line breaks.
        """
        try:
            with self._http.stream("GET", path, headers=headers, timeout=SILENCE_SECONDS) as answer:
                if answer.status_code in TEMPORARY:
                    raise self._failed(f"{answer.status_code} {answer.reason_phrase}")
                if answer.is_error:
                    answer.read()
                checked(answer)
                try:
                    yield answer
                finally:
                    self._heard = time.monotonic()
        except httpx.TransportError as error:
            raise self._failed(error) from error

    def events(self, path: str, after: int) -> Iterator[EventView]:
        """The events behind ``after`` until the stream ends; taken up where the line broke, also
        after an outage.
        """
        failures = 0
        while True:
            try:
                with self.stream(path, {"Last-Event-ID": str(after)}) as answer:
                    for event in parse(answer.iter_lines()):
                        after, failures = event.id, 0
                        yield event
                return
            except ConnectionFailed:
                failures += 1
                if self._gives_up(failures, patient=True):
                    raise
                pause(failures)

    def _gives_up(self, failures: int, patient: bool) -> bool:
        """A service that has answered in the last minutes is most likely being restarted."""
        restarting = patient and time.monotonic() < self._heard + SECONDS_OF_PATIENCE
        return failures >= self._attempts and not restarting

    def _failed(self, error: object) -> ConnectionFailed:
        hint = (
            "Is the service running there? `l2c serve` starts one; --url or L2C_URL names another."
        )
        return ConnectionFailed("cannot_connect", f"{self.url} does not answer: {error}", hint)


def address(*parts: object) -> str:
    """The path below /v1 with every part escaped: an id may come from anywhere."""
    return "/v1/" + "/".join(quote(str(part), safe="") for part in parts)


def pause(attempt: int) -> None:
    """0.2 s, then twice as long each time up to 5 s; up to a half less by chance, so that clients spread
    out.
    """
    seconds = min(LONGEST_PAUSE_SECONDS, 0.1 * 2**attempt)
    threading.Event().wait(seconds * random.uniform(0.5, 1.0))


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer itself unless it is an error, which becomes Refused."""
    if not answer.is_error:
        return answer
    try:
        problem = answer.json()
        code, detail, hint = problem["code"], problem["detail"], problem.get("hint", "")
    except (ValueError, KeyError, TypeError):
        message = f"{answer.url} answered {answer.status_code} in a way that this service does not."
        raise Refused(
            answer.status_code, "not_this_service", message, "Check the address."
        ) from None
    raise Refused(answer.status_code, code, detail, hint)


def parse(lines: Iterator[str]) -> Iterator[EventView]:
    """Server-sent events with ids; comments, which keep the line alive, are dropped."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        if {"id", "data"} <= fields.keys():
            kind = fields.get("event", "message")
            yield EventView(id=int(fields["id"]), type=kind, data=json.loads(fields["data"]))
        fields = {}
