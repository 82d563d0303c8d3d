"""Production's store: one bucket of S3. See ``storage.Store`` for what each method promises."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from service.contract.attachment import attachment
from service.contract.directory_store import CHUNK
from service.contract.errors import StoreUnavailable
from service.contract.settings import MIB, Settings

MISSING = ("404", "NoSuchKey", "NotFound")
# botocore's own timeouts are a minute each, which would hold a request's thread that long.
CLIENT_TIMEOUTS = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 5}}
# A killed process leaves what it sent of an object in several parts, which no list shows: all that
# one request can send is sent in one.
IN_ONE_REQUEST = TransferConfig(multipart_threshold=5 * 1024 * MIB)
PROBE = {"connect_timeout": 2, "read_timeout": 2, "retries": {"max_attempts": 0}}


class S3Store:
    """Keys are object keys of one bucket, which is created when it is missing."""

    def __init__(self, settings: Settings):
        self.bucket = settings.s3_bucket
        endpoint = settings.s3_endpoint_url
        self.client = _client(settings, endpoint, CLIENT_TIMEOUTS)
        self.probing_client = _client(settings, endpoint, PROBE)
        public = settings.s3_public_endpoint_url or endpoint
        self.public_client = _client(settings, public, CLIENT_TIMEOUTS)
        self.link_seconds = settings.s3_link_seconds

    def put(self, key: str, path: Path) -> None:
        with _available():
            self.client.upload_file(str(path), self.bucket, key, Config=IN_ONE_REQUEST)
        path.unlink()

    def get(self, key: str, path: Path) -> None:
        with _available():
            self.client.download_file(self.bucket, key, str(path))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if end is not None and end <= start:
            self.size(key)
            return iter(())
        wanted = {}
        if start > 0 or end is not None:
            wanted["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        with _available():
            try:
                body = self.client.get_object(Bucket=self.bucket, Key=key, **wanted)["Body"]
            except ClientError as error:
                # S3 refuses a range that starts after the end; a slice of bytes would be empty.
                if _code(error) != "InvalidRange":
                    raise
                return iter(())
        return _chunks(body)

    def size(self, key: str) -> int:
        with _available():
            return int(self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"])

    def check(self) -> None:
        with _available():
            try:
                self.probing_client.head_bucket(Bucket=self.bucket)
            except ClientError as error:
                if _code(error) not in MISSING:
                    raise
                with contextlib.suppress(self.client.exceptions.BucketAlreadyOwnedByYou):
                    self.probing_client.create_bucket(Bucket=self.bucket)

    def delete(self, prefix: str) -> None:
        pages = self.client.get_paginator("list_objects_v2")
        with _available():
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                if keys := [{"Key": item["Key"]} for item in page.get("Contents", ())]:
                    self._delete_keys(keys)

    def _delete_keys(self, keys: list[dict[str, str]]) -> None:
        wanted = {"Objects": keys, "Quiet": True}
        done = self.client.delete_objects(Bucket=self.bucket, Delete=wanted)
        # delete_objects answers 200 even where it deleted nothing.
        for failure in done.get("Errors", ()):
            raise ClientError({"Error": failure}, "DeleteObjects")

    def url(self, key: str, filename: str) -> str | None:
        params = {
            "Bucket": self.bucket,
            "Key": key,
            "ResponseContentDisposition": attachment(filename),
        }
        link = self.public_client.generate_presigned_url(
            "get_object", Params=params, ExpiresIn=self.link_seconds
        )
        return str(link)


def _client(settings: Settings, endpoint: str, patience: dict[str, Any]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id or None,
        aws_secret_access_key=settings.s3_secret_access_key.get_secret_value() or None,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, **patience),
    )


def _chunks(body: Any) -> Iterator[bytes]:
    with _available():
        yield from body.iter_chunks(CHUNK)


@contextlib.contextmanager
def _available() -> Iterator[None]:
    """Turn every error of S3 into StoreUnavailable, except that of a missing key."""
    try:
        yield
    except ClientError as error:
        if _code(error) in MISSING:
            raise FileNotFoundError(str(error)) from error
        raise StoreUnavailable(f"The object store refuses: {error}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise StoreUnavailable(f"The object store does not answer: {error}") from error


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
