"""One HTTP request to a receiver nobody here controls: bounded in time and in bytes."""

import http.client
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass

from service.webhooks.addresses import AddressRefused, Receiver, parse, resolve

SECONDS = 10.0
MOST_BYTES_READ = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """``status`` of the answer, or None and the ``problem`` why there is none."""

    status: int | None
    problem: str | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Clock:
    """Shuts a connection when ``SECONDS`` are over, from its making on.

    A timeout of a socket is one of each read: a byte every nine seconds would never meet it.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self._guard: socket.socket | None = None
        self._timer = threading.Timer(SECONDS, self._end)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connection: socket.socket) -> None:
        # A copy, because TLS takes the descriptor away from the socket that it is given.
        self._guard = connection.dup()
        if self.over.is_set():
            self._end()

    def stop(self) -> None:
        self._timer.cancel()
        if self._guard:
            self._guard.close()

    def _end(self) -> None:
        self.over.set()
        if self._guard:
            with suppress(OSError):
                self._guard.shutdown(socket.SHUT_RDWR)


def post(url: str, headers: dict[str, str], body: bytes, private: bool) -> Answer:
    """Follows no redirect, uses no proxy, and takes at most ten seconds once it has an address."""
    try:
        receiver = parse(url)
        return _post(receiver, resolve(receiver, private), headers, body)
    except AddressRefused as refusal:
        return Answer(None, str(refusal))
    except TimeoutError:
        return Answer(None, f"There was no answer within {SECONDS:.0f} s.")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(None, f"{type(error).__name__}: {error}"[:500])


def _post(receiver: Receiver, address: str, headers: dict[str, str], body: bytes) -> Answer:
    clock = Clock()
    try:
        # The connection is made here, so that its address is the one that was checked.
        with socket.create_connection((address, receiver.port), SECONDS) as plain:
            clock.watch(plain)
            status = _exchange(plain, receiver, headers, body)
    except (OSError, http.client.HTTPException):
        if clock.over.is_set():
            raise TimeoutError from None
        raise
    finally:
        clock.stop()
    if clock.over.is_set():
        raise TimeoutError
    return _answer(status)


def _exchange(
    plain: socket.socket, receiver: Receiver, headers: dict[str, str], body: bytes
) -> int:
    connection = http.client.HTTPConnection(receiver.host, receiver.port)
    try:
        connection.sock = _secured(plain, receiver)
        connection.putrequest("POST", receiver.target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.read(MOST_BYTES_READ)
        return answer.status
    finally:
        connection.close()


def _secured(plain: socket.socket, receiver: Receiver) -> socket.socket:
    if not receiver.secure:
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=receiver.host)


def _answer(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer(status)
    redirect = " Redirects are not followed." if 300 <= status < 400 else ""
    return Answer(status, f"The answer was {status}.{redirect}")
