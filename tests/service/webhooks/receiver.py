"""A real HTTP server that keeps what it is sent."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """``statuses`` are those of the next answers; afterwards it is 204.

    Each of the next answers waits for its event of ``waits``.
    """

    url: str
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    waits: list[threading.Event] = field(default_factory=list)
    slow: bool = False
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    """With a certificate, which has its key in the same file, it speaks TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            status = receiver.statuses.pop(0) if receiver.statuses else 204
            if receiver.waits:
                receiver.waits.pop(0).wait(20)
            if receiver.slow:
                return self._drip()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            receiver.received.append(Received(f"GET {self.path}", {}, b""))

        def _drip(self) -> None:
            """A byte of the answer every half second, for ever."""
            while not receiver.released.wait(0.5):
                try:
                    self.wfile.write(b"H")
                    self.wfile.flush()
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.url = f"https://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
