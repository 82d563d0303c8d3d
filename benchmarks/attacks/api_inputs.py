"""Well-framed requests with hostile values, or for what belongs to others."""

import base64
import gzip
import hashlib
import json
from typing import Any

from benchmarks.attacks.api_requests import Attempt, attempt, get, head, post
from benchmarks.attacks.api_site import Site
from tests.service.conftest import PART_SIZE

BAD = "422-malformed"
NONE = "404-not_found"
MIB = 1024 * 1024
UPLOADS, WEBHOOKS = "/v1/uploads", "/v1/webhooks"
PART = "/v1/uploads/{upload}/parts"
OCTETS = "application/octet-stream"


def cursor(*values: Any) -> str:
    text = json.dumps(list(values)).encode()
    return "/v1/jobs?cursor=" + base64.urlsafe_b64encode(text).decode().rstrip("=")


def webhook(url: str, expected: str = BAD) -> Attempt:
    return post(
        f"a webhook to {url.encode('unicode_escape').decode()}", expected, WEBHOOKS, {"url": url}
    )


def filename(name: str, expected: str, value: str) -> Attempt:
    return post(name, expected, UPLOADS, {"filename": value, "bytes": 3})


def part(name: str, expected: str, number: object, size: int, *headers: str) -> Attempt:
    return post(
        name, expected, f"{PART}/{number}", bytes(size), *headers, method="PUT", kind=OCTETS
    )


def guess_keys(site: Site) -> str:
    """100 keys that nobody has; the last answer counts."""
    answers = [site.ask(head("GET", "/v1/jobs", key=f"l2c_{number:040d}")) for number in range(100)]
    return answers[-1]


def reused_idempotency_key(site: Site) -> str:
    """The same key of repetition with another body."""
    for size in (3, 4):
        body = json.dumps({"filename": "a", "bytes": size}).encode()
        lines = (
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Idempotency-Key: again",
        )
        answer = site.ask(site.filled(head("POST", UPLOADS, *lines)) + body)
    return answer


def own_name_in_the_answer(site: Site) -> str:
    """A path as the name of a file: the last part of it is kept, nothing else."""
    return site.ask(
        site.filled(
            head("POST", "/v1/models/upload?filename=../../../../etc/passwd", "Content-Length: 3")
        )
        + b"abc"
    )


VALUES: tuple[Attempt, ...] = (
    post("JSON nested 100,000 times", BAD, UPLOADS, b"[" * 100_000),
    post("objects nested 10,000 times", BAD, UPLOADS, b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    post("JSON of 10 MB", "413-body_too_large", UPLOADS, b'"' + b"a" * 10 * MIB + b'"'),
    post(
        "a number of 100,000 digits",
        BAD,
        UPLOADS,
        b'{"filename": "a", "bytes": ' + b"9" * 100_000 + b"}",
    ),
    post("a size of NaN", BAD, UPLOADS, b'{"filename": "a", "bytes": NaN}'),
    post("a size of 1e400", BAD, UPLOADS, b'{"filename": "a", "bytes": 1e400}'),
    post("a size below zero", BAD, UPLOADS, {"filename": "a", "bytes": -1}),
    post("a size of 2**53", "413-upload_too_large", UPLOADS, {"filename": "a", "bytes": 2**53}),
    post("a body that is no UTF-8", BAD, UPLOADS, b'{"filename": "\xff", "bytes": 3}'),
    post(
        "a body packed with gzip", BAD, UPLOADS, gzip.compress(bytes(MIB)), "Content-Encoding: gzip"
    ),
    post(
        "XML that reads a file",
        BAD,
        UPLOADS,
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        kind="text/xml",
    ),
    post("a form", BAD, UPLOADS, b"filename=a&bytes=3", kind="application/x-www-form-urlencoded"),
    post(
        "fields that nobody asked for",
        BAD,
        UPLOADS,
        {"filename": "a", "bytes": 3, "account_id": "acc_1", "__class__": "x"},
    ),
    post("a field twice", "201", UPLOADS, b'{"filename": "a", "bytes": 1, "bytes": 3}'),
    post(
        "JSON of a JavaScript prototype",
        BAD,
        UPLOADS,
        {"filename": "a", "bytes": 3, "__proto__": {"admin": True}},
    ),
    filename("half a character in a name", BAD, "\ud800"),
    filename("a NUL in a name", "201", "a\0b"),
    filename("a name of 100,000 letters", BAD, "a" * 100_000),
    filename("a name that reads from right to left", "201", "\u202egpj.exe"),
    Attempt("a path as the name of a file", own_name_in_the_answer, ("201",)),
    post(
        "a label with SQL",
        BAD,
        "/v1/models",
        {"upload_id": "upl_0", "labels": {"a' OR 1=1 --": "b"}},
    ),
    get("SQL in an id", BAD, "/v1/jobs/job_0'%20OR%201=1%20--"),
    get("SQL in a name", "200", "/v1/jobs?name=a'%3B%20DROP%20TABLE%20job%3B--"),
    get("SQL in a label", "200", "/v1/jobs?label=a:b'%20OR%201=1"),
    get("a JSON path in a label", BAD, "/v1/jobs?label=$.a%22:b"),
    get("SQL in the state", BAD, "/v1/jobs?state=queued'--"),
    get("SQL in the sort", BAD, "/v1/variants?sort=top1;select"),
    get("a limit of 10**9", BAD, "/v1/jobs?limit=1000000000"),
    get("a limit below zero", BAD, "/v1/jobs?limit=-1"),
    get("1,000 labels", BAD, "/v1/jobs?" + "label=a:b&" * 1_000),
    get("a random cursor", BAD, "/v1/jobs?cursor=%00%ff"),
    get("a cursor with SQL", BAD, cursor("-created_at", "2026-01-01' OR 1=1", "job_0")),
    get("a cursor for another column", BAD, cursor("-account_id", "a", "job_0")),
    get(
        "a cursor of the year 1",
        BAD,
        cursor("-created_at", "0001-01-01T00:00:00+14:00", "job_0"),
    ),
    get(
        "a cursor nested 5,000 times",
        BAD,
        "/v1/jobs?cursor=" + base64.urlsafe_b64encode(b"[" * 5_000).decode(),
    ),
    get(
        "events after a number that is none",
        BAD,
        "/v1/jobs/{job}/events",
        "Last-Event-ID: ' OR 1=1",
    ),
    get("events after 2**63", BAD, "/v1/jobs/{job}/events", f"Last-Event-ID: {2**63}"),
    get("events after -1", BAD, "/v1/jobs/{job}/events", "Last-Event-ID: -1"),
    get(
        "a range of 2**64 bytes",
        "200",
        "/v1/variants/{variant}/file",
        f"Range: bytes=0-{2**64}",
    ),
    get(
        "a range behind the end",
        "416-range_not_satisfiable",
        "/v1/variants/{variant}/file",
        f"Range: bytes={10**17}-",
    ),
    get(
        "10,000 ranges",
        "200",
        "/v1/variants/{variant}/file",
        "Range: bytes=" + "0-1," * 10_000 + "0-1",
    ),
    get("a plot in an unknown format", BAD, "/v1/jobs/{job}/plot?format=../../etc/passwd"),
    part("part 0", BAD, 0, 3),
    part("part -1", BAD, -1, 3),
    part("part 10**9", BAD, 10**9, 3),
    part("part 3 of 2", BAD, 3, 3),
    part("a part that is too long", "413-part_too_long", 1, PART_SIZE + 1),
    part("a part that is too short", BAD, 1, 5),
    part(
        "a part with a wrong hash",
        "422-sha256_mismatch",
        2,
        10,
        f"X-Content-SHA256: {hashlib.sha256(b'x').hexdigest()}",
    ),
    part("a part whose hash is no hash", BAD, 2, 10, "X-Content-SHA256: ../../x"),
    post(
        "an upload without its parts is completed",
        "409-upload_incomplete",
        "/v1/uploads/{upload}/complete",
        {},
    ),
    post(
        "a file beyond the limit",
        "413-upload_too_large",
        "/v1/models/upload?filename=a",
        bytes(9 * MIB),
        kind=OCTETS,
    ),
    attempt(
        "a body without an end",
        "413-upload_too_large",
        head("POST", "/v1/models/upload?filename=a", "Transfer-Encoding: chunked"),
        *[b"100000\r\n" + bytes(MIB) + b"\r\n"] * 10,
    ),
    Attempt(
        "a key of repetition with another body",
        reused_idempotency_key,
        ("422-idempotency_key_reused",),
    ),
    post(
        "a key of repetition of 300 letters",
        "400-idempotency_key_malformed",
        UPLOADS,
        {"filename": "a", "bytes": 3},
        "Idempotency-Key: " + "a" * 300,
    ),
)
OTHERS: tuple[Attempt, ...] = (
    get("another account's job", NONE, "/v1/jobs/{other_job}"),
    get("another account's events", NONE, "/v1/jobs/{other_job}/events"),
    get("another account's report", NONE, "/v1/jobs/{other_job}/report"),
    get("another account's file", NONE, "/v1/variants/{other_variant}/file"),
    get("another account's upload", NONE, "/v1/uploads/{other_upload}"),
    get("another account's webhook", NONE, "/v1/webhooks/{other_webhook}/deliveries"),
    post(
        "a part of another account's upload",
        NONE,
        "/v1/uploads/{other_upload}/parts/1",
        b"x",
        method="PUT",
        kind=OCTETS,
    ),
    post(
        "another account's upload as a model", NONE, "/v1/models", {"upload_id": "{other_upload}"}
    ),
    post(
        "a job with another account's model",
        NONE,
        "/v1/jobs",
        {"model_id": "{other_model}", "dataset_id": "{other_model}"},
    ),
    post("another account's job is cancelled", NONE, "/v1/jobs/{other_job}/cancel", b""),
    post("another account's key gets a new secret", NONE, "/v1/keys/{other_reader_id}/rotate", {}),
    attempt("another account's model is deleted", NONE, head("DELETE", "/v1/models/{other_model}")),
    attempt("another account's job is deleted", NONE, head("DELETE", "/v1/jobs/{other_job}")),
    attempt("another account's key is revoked", NONE, head("DELETE", "/v1/keys/{other_reader_id}")),
    post(
        "a reader announces a file",
        "403-forbidden",
        UPLOADS,
        {"filename": "a", "bytes": 3},
        key="{reader}",
    ),
    post(
        "a reader makes itself a key",
        "403-forbidden",
        "/v1/keys",
        {"name": "more", "scopes": ["admin"]},
        key="{reader}",
    ),
    post("a scope that does not exist", BAD, "/v1/keys", {"name": "root", "scopes": ["root"]}),
    post(
        "a reader makes a webhook",
        "403-forbidden",
        WEBHOOKS,
        {"url": "https://hooks.example.com/"},
        key="{reader}",
    ),
    get("no key", "401-unauthorized", "/v1/jobs", key=""),
    get("a key with SQL", "401-unauthorized", "/v1/jobs", key="l2c_' OR '1'='1"),
    get("a key of 30,000 letters", "401-unauthorized", "/v1/jobs", key="l2c_" + "a" * 30_000),
    get("a key in the address", "401-unauthorized", "/v1/jobs?key={key}", key=""),
    webhook("https://127.0.0.1/"),
    webhook("https://10.0.0.1/"),
    webhook("https://169.254.169.254/latest/meta-data/"),
    webhook("https://[::1]/"),
    webhook("https://[fd00::1]/"),
    webhook("https://[fe80::1%25eth0]/"),
    webhook("https://[::ffff:127.0.0.1]/"),
    webhook("https://[64:ff9b::7f00:1]/"),
    webhook("https://2130706433/"),
    webhook("https://0x7f.1/"),
    webhook("https://0177.0.0.1/"),
    webhook("https://127.1/"),
    webhook("https://\uff11\uff12\uff17.0.0.1/"),
    webhook("https://0.0.0.0/"),
    webhook("https://user:password@hooks.example.com/"),
    webhook("https://hooks.example.com@127.0.0.1/"),
    webhook("https://hooks.example.com\\@127.0.0.1/"),
    webhook("https://hooks.example.com/\r\nX-Evil: 1"),
    webhook("https://hooks.example.com:99999/"),
    webhook("http://hooks.example.com/"),
    webhook("file:///etc/passwd"),
    webhook("gopher://127.0.0.1:6379/_FLUSHALL"),
    webhook("javascript:alert(1)"),
    webhook("https://"),
    # Guesses end the patience with unknown keys, so they come last.
    Attempt("100 guesses of a key", guess_keys, ("429-rate_limited",)),
)
