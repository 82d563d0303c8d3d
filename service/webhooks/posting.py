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
    # The connection is made here, so that its address is the one that was checked.
    plain = socket.create_connection((address, receiver.port), SECONDS)
    over = threading.Event()
    # A timeout of a socket is one of each read: a byte every nine seconds would never meet it.
    clock = threading.Timer(SECONDS, _end, (plain, over))
    clock.daemon = True
    clock.start()
    connection = http.client.HTTPConnection(receiver.host, receiver.port)
    try:
        connection.sock = _secured(plain, receiver)
        connection.putrequest("POST", receiver.target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.read(MOST_BYTES_READ)
        if over.is_set():
            raise TimeoutError
        return _answer(answer.status)
    except (OSError, http.client.HTTPException):
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        clock.cancel()
        connection.close()
        plain.close()


def _secured(plain: socket.socket, receiver: Receiver) -> socket.socket:
    if not receiver.secure:
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=receiver.host)


def _end(connection: socket.socket, over: threading.Event) -> None:
    over.set()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _answer(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer(status)
    redirect = " Redirects are not followed." if 300 <= status < 400 else ""
    return Answer(status, f"The answer was {status}.{redirect}")
