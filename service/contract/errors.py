"""What can go wrong, as one tree; every leaf has a stable code that docs/api.md explains.

Learn2CompressError       500 internal
├── Unauthorized          401 unauthorized
├── Forbidden             403 forbidden
│   ├── AccountSuspended  403 account_suspended
│   └── QuotaExceeded     403 quota_exceeded
├── RateLimited           429 rate_limited
├── NotFound              404 not_found
├── MethodNotAllowed      405 method_not_allowed
├── RangeNotSatisfiable   416 range_not_satisfiable
├── Malformed             422 malformed
│   ├── HashMismatch      422 sha256_mismatch
│   ├── BodyIncomplete    400 body_incomplete
│   ├── MalformedRequest  400 malformed_request
│   ├── IdempotencyKeyMalformed 400 idempotency_key_malformed
│   └── IdempotencyKeyReused    422 idempotency_key_reused
├── HeadTooLarge          431 head_too_large
├── RequestTimeout        408 request_timeout
├── TooLarge              413 upload_too_large
│   ├── PartTooLong       413 part_too_long
│   └── BodyTooLarge      413 body_too_large
├── Conflict              409 conflict
│   ├── UploadIncomplete  409 upload_incomplete
│   ├── NotReady          409 not_ready
│   ├── Rejected          409 rejected
│   ├── IllegalMove       409 illegal_move
│   ├── RequestUnderWay   409 request_under_way
│   └── SecretNotKept     409 secret_not_kept
├── StorageFull           507 storage_full
└── Unavailable           503 unavailable
    ├── StoreUnavailable  503 storage_unavailable
    └── TooManyConnections 503 too_many_connections
"""


class Learn2CompressError(Exception):
    """Base of every expected error.

    It has a message for people, an HTTP status, a stable code and a hint on what to do next.
    """

    status = 500
    code = "internal"
    hint = "The server's log has the details."
    cause_code: str | None = None

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint or self.hint


class Unauthorized(Learn2CompressError):
    status, code = 401, "unauthorized"
    hint = (
        "Send 'Authorization: Bearer KEY'; `l2c serve` prints the first key, `l2c keys create` "
        "makes another."
    )


class Forbidden(Learn2CompressError):
    """For a lacking scope, raised before anything is looked up: it does not tell what exists."""

    status, code = 403, "forbidden"
    hint = "Use a key that may do this: `l2c keys list` shows what each key may do."


class AccountSuspended(Forbidden):
    code = "account_suspended"
    hint = "Ask the server's operator to resume the account. Nothing of it was deleted."


class QuotaExceeded(Forbidden):
    code = "quota_exceeded"
    hint = "Delete what you do not need, or wait; GET /v1/account shows limits and use."


class RateLimited(Learn2CompressError):
    """``headers`` say how long to wait, and what the limit is."""

    status, code = 429, "rate_limited"
    hint = "Wait for the seconds of the header Retry-After, then send the request again."

    def __init__(self, message: str, headers: dict[str, str]):
        super().__init__(message)
        self.headers = headers


class NotFound(Learn2CompressError):
    status, code = 404, "not_found"
    hint = "Check the id: the lists, such as GET /v1/jobs, show what this account has."


class MethodNotAllowed(Learn2CompressError):
    status, code = 405, "method_not_allowed"
    hint = "The Allow header lists the methods that this path supports."


class RangeNotSatisfiable(Learn2CompressError):
    status, code = 416, "range_not_satisfiable"
    hint = "Request a range that starts inside the file, or leave the Range header out."


class Malformed(Learn2CompressError):
    status, code = 422, "malformed"
    hint = "The OpenAPI description at /docs has the types and bounds."


class HashMismatch(Malformed):
    code = "sha256_mismatch"
    hint = "The bytes that arrived are not the announced ones: send the part, or the file, again."


class BodyIncomplete(Malformed):
    status, code = 400, "body_incomplete"
    hint = "The connection closed early: send the request again, nothing of it was kept."


class MalformedRequest(Malformed):
    status, code = 400, "malformed_request"
    hint = "Speak HTTP/1.1, without TLS unless a proxy is before the service."


class IdempotencyKeyMalformed(Malformed):
    status, code = 400, "idempotency_key_malformed"
    hint = "Send a random word, such as a UUID, in the header Idempotency-Key, or leave it out."


class IdempotencyKeyReused(Malformed):
    code = "idempotency_key_reused"
    hint = "Send a new Idempotency-Key with each new request; the same only to repeat a request."


class HeadTooLarge(Learn2CompressError):
    status, code = 431, "head_too_large"
    hint = "Send shorter headers, and a shorter path and query."


class RequestTimeout(Learn2CompressError):
    status, code = 408, "request_timeout"
    hint = "Send the request again, without pauses in it."


class TooLarge(Learn2CompressError):
    status, code = 413, "upload_too_large"
    hint = "Send a smaller file, or ask the server's operator to raise L2C_MAX_UPLOAD_BYTES."


class PartTooLong(TooLarge):
    code = "part_too_long"
    hint = "Cut the file into parts of exactly part_bytes bytes; only the last one may be shorter."


class BodyTooLarge(TooLarge):
    code = "body_too_large"
    hint = "Only models, datasets and parts of uploads may be large; other bodies are short JSON."

    def __init__(self, message: str = "The body is too large for this path."):
        super().__init__(message)


class Conflict(Learn2CompressError):
    status, code = 409, "conflict"
    hint = "GET it to see its present state, then try again."


class UploadIncomplete(Conflict):
    code = "upload_incomplete"
    hint = "GET the upload to see which parts have arrived, PUT the others, then complete it."


class NotReady(Conflict):
    code = "not_ready"
    hint = "GET it until its state is ready, then try again."


class Rejected(Conflict):
    """``cause_code`` is the code of the inspection's error."""

    code = "rejected"
    hint = "Upload another file."

    def __init__(self, message: str, hint: str, cause_code: str):
        super().__init__(message, hint)
        self.cause_code = cause_code


class IllegalMove(Conflict):
    code = "illegal_move"
    hint = "GET the job to see its present state."


class RequestUnderWay(Conflict):
    code = "request_under_way"
    hint = "Send it again in a few seconds, with the same Idempotency-Key."


class SecretNotKept(Conflict):
    code = "secret_not_kept"
    hint = "Revoke that key (GET /v1/keys lists it), then create one with a new Idempotency-Key."


class StorageFull(Learn2CompressError):
    status, code = 507, "storage_full"
    hint = "The server's disk is full: ask its operator to free space, then send the request again."


class Unavailable(Learn2CompressError):
    status, code = 503, "unavailable"
    hint = "Try again in a few seconds."


class StoreUnavailable(Unavailable):
    code = "storage_unavailable"
    hint = "The object store is away: try again in a minute."


class TooManyConnections(Unavailable):
    """Raised for connections beyond L2C_MAX_CONNECTIONS of one API process."""

    code = "too_many_connections"
    hint = "Wait for the seconds of the header Retry-After, then send the request again."
