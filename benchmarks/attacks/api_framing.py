"""Requests whose bytes, lengths or times are wrong."""

import contextlib
import time

from benchmarks.attacks.api_requests import Attempt, attempt, get, head
from benchmarks.attacks.api_site import CLOSED, Site, read_all, summary

BAD = "400-malformed_request"
TOO_LARGE = "431-head_too_large"
JSON = "Content-Type: application/json"
SMUGGLED = head("DELETE", "/v1/jobs/{job}")
MIB = 1024 * 1024


def framed(name: str, expected: str, *headers: str, body: bytes = b"") -> Attempt:
    """A POST with these headers and these bytes behind its head."""
    return attempt(name, expected, head("POST", "/v1/uploads", JSON, *headers) + body)


def raw(name: str, expected: str, data: bytes) -> Attempt:
    return attempt(name, expected, data)


def dripping_head(site: Site) -> str:
    return dripping(site, b"GET /healthz HTTP/1.1\r\nHost: here\r\n", b"X-A: b\r\n")


def dripping_body(site: Site) -> str:
    start = head("POST", "/v1/uploads", JSON, "Content-Length: 100000")
    return dripping(site, site.filled(start), b" ")


def dripping(site: Site, start: bytes, drop: bytes) -> str:
    """A drop now and then, until the server has enough; 12 seconds at most."""
    began = time.monotonic()
    with site.connect() as line:
        with contextlib.suppress(ConnectionError):
            line.sendall(start)
            while time.monotonic() - began < 12:
                time.sleep(0.3)
                line.sendall(drop)
            return "still open"
        return summary(read_all(line))


def without_end(site: Site, start: bytes) -> str:
    """Up to 100 MiB of one head."""
    with site.connect() as line:
        with contextlib.suppress(ConnectionError):
            line.sendall(site.filled(start))
            for _ in range(100):
                line.sendall(b"a" * MIB)
            return "100 MiB taken"
        return summary(read_all(line))


def many_open(site: Site) -> str:
    """400 connections that say nothing, and then a request."""
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(site.connect())
        return site.ask(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")


CHUNKED = "Transfer-Encoding: chunked"
ENDLESS_TRAILER = head("POST", "/v1/uploads", CHUNKED) + b"0\r\nX-Long: "
FRAMING: tuple[Attempt, ...] = (
    framed(
        "two framings: a length and chunks",
        BAD,
        "Content-Length: 5",
        CHUNKED,
        body=b"0\r\n\r\n" + SMUGGLED,
    ),
    framed(
        "two framings: chunks and a length",
        BAD,
        CHUNKED,
        "Content-Length: 5",
        body=b"0\r\n\r\n" + SMUGGLED,
    ),
    framed("two lengths that differ", BAD, "Content-Length: 2", "Content-Length: 5", body=b"{}   "),
    framed("two lengths that are equal", BAD, "Content-Length: 2", "Content-Length: 2", body=b"{}"),
    framed("a list of lengths", BAD, "Content-Length: 2, 2", body=b"{}"),
    framed("a length below zero", BAD, "Content-Length: -1", body=b"{}"),
    framed("a length with a sign", BAD, "Content-Length: +2", body=b"{}"),
    framed("a length in hexadecimal", BAD, "Content-Length: 0x2", body=b"{}"),
    framed("a length of 2**64", BAD, "Content-Length: 18446744073709551616", body=b"{}"),
    framed("a length of 2**62", "413-body_too_large", f"Content-Length: {2**62}", body=b"{}"),
    framed("chunks that are named wrongly", BAD, "Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    framed(
        "chunks inside another coding",
        BAD,
        "Transfer-Encoding: chunked, identity",
        body=b"0\r\n\r\n" + SMUGGLED,
    ),
    framed("a space before the colon", BAD, "Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    framed("a chunk of a size below zero", BAD, CHUNKED, body=b"-1\r\n{}\r\n0\r\n\r\n"),
    framed("a chunk of a size beyond 64 bits", BAD, CHUNKED, body=b"f" * 17 + b"1\r\n{}\r\n"),
    framed("a chunk whose size is no number", BAD, CHUNKED, body=b"zz\r\n{}\r\n0\r\n\r\n"),
    framed("a chunk that is longer than it says", BAD, CHUNKED, body=b"1\r\n{}xx\r\n0\r\n\r\n"),
    framed(
        "an extension of a chunk of 1 MB",
        f"{TOO_LARGE} {BAD} {CLOSED}",
        CHUNKED,
        body=b"1;" + b"x" * MIB + b"\r\n",
    ),
    framed("a folded header", BAD, "X-A: 1\r\n b: 2"),
    framed("a header with a NUL", BAD, "X-A: a\0b"),
    framed("a header whose name has a space", BAD, "X A: b"),
    framed("a header without a name", BAD, ": b"),
    framed("a header without a colon", BAD, "X-A"),
    raw(
        "line ends without carriage returns",
        BAD,
        b"GET /v1/jobs HTTP/1.1\nHost: a\nConnection: close\n\n",
    ),
    raw("the preface of HTTP/2", BAD, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    raw("HTTP/9.9", BAD, b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n"),
    raw("HTTP/0.9", "401-unauthorized", b"GET /v1/jobs\r\n\r\n"),
    raw("a hello of TLS", BAD, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(99)),
    raw("a hello of SSH", BAD, b"SSH-2.0-OpenSSH_9.9\r\n"),
    raw("random bytes", BAD, bytes(range(128, 256)) * 9),
    raw(
        "an unknown method", BAD, b"EVIL /v1/jobs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    ),
    attempt("TRACE", "405-method_not_allowed", head("TRACE", "/v1/jobs", "Cookie: secret")),
    attempt(
        "CONNECT to another server",
        BAD,
        head("CONNECT", "127.0.0.1:22"),
    ),
    get(
        "a target with another server",
        "200",
        "http://127.0.0.1:22/v1/jobs",
    ),
    get("a target of an asterisk", "404-not_found", "*"),
    get("a path upwards", "404-not_found", "/v1/../../../../etc/passwd"),
    get("a path upwards in percent signs", "404-not_found", "/static/..%2f..%2f..%2fetc%2fpasswd"),
    get("a path with a NUL", "422-malformed", "/v1/jobs/%00"),
    get("a path with half a character", "422-malformed", "/v1/jobs/%ed%a0%80"),
    get("a header of 70 KB", TOO_LARGE, "/healthz", "X-Long: " + "a" * 70_000),
    get("8,000 headers", TOO_LARGE, "/healthz", *(f"X-{number}: a" for number in range(8_000))),
    get("a path of 70 KB", TOO_LARGE, "/" + "a" * 70_000),
    get("a query of 60 KB", "422-malformed", "/v1/jobs?name=" + "a" * 60_000),
    Attempt(
        "a header without an end",
        lambda site: without_end(site, head("GET", "/")[:-2] + b"X: "),
        (TOO_LARGE, CLOSED),
    ),
    Attempt(
        "a trailer without an end",
        lambda site: without_end(site, ENDLESS_TRAILER),
        (TOO_LARGE, CLOSED),
    ),
    Attempt("a head that drips", dripping_head, ("408-request_timeout", CLOSED)),
    Attempt("a body that drips", dripping_body, ("400-body_incomplete", CLOSED)),
    raw("a connection that says nothing", "408-request_timeout", b""),
    framed("a body that stops", "400-body_incomplete", "Content-Length: 1000", body=b"{"),
    Attempt("400 silent connections", many_open, ("200",)),
    raw(
        "1,000 requests at once",
        "401-unauthorized 401-unauthorized+429-rate_limited",
        b"GET /v1/jobs HTTP/1.1\r\nHost: a\r\n\r\n" * 1_000,
    ),
    get(
        "an upgrade to HTTP/2",
        "200",
        "/healthz",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
    ),
    get(
        "an upgrade to a WebSocket",
        "200",
        "/v1/account",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ),
    get("an unknown expectation", "200", "/healthz", "Expect: evil"),
)
