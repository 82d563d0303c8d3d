"""Where bytes live: object keys in one place, and two stores behind the same methods.

A missing key is FileNotFoundError in both stores, a full disk an OSError with an errno of NO_SPACE.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

from service.contract.settings import MIB, Settings

CHUNK = MIB
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def upload_prefix(upload_id: str) -> str:
    return f"uploads/{upload_id}/"


def part_key(upload_id: str, number: int, sha256: str) -> str:
    """Parts count from 1. Each content has its own key, so nothing is replaced while it is read."""
    return f"{upload_prefix(upload_id)}{number:06d}-{sha256}"


def job_prefix(job_id: str) -> str:
    return f"jobs/{job_id}/"


def attempt_prefix(job_id: str, attempt: int) -> str:
    """What one attempt publishes; a lost attempt can never overwrite what another one published."""
    return f"{job_prefix(job_id)}attempt-{attempt}/"


def checkpoints_prefix(job_id: str) -> str:
    return f"{job_prefix(job_id)}checkpoints/"


def checkpoint_key(job_id: str, attempt: int, epoch: int) -> str:
    return f"{checkpoints_prefix(job_id)}{attempt}-{epoch}.npz"


def attachment(filename: str) -> str:
    """The Content-Disposition that saves a download under ``filename`` (RFC 6266)."""
    plain = filename.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "_")
    extended = "" if plain == filename else f"; filename*=UTF-8''{quote(filename, safe='')}"
    return f'attachment; filename="{plain}"{extended}'


class Store(Protocol):
    def put(self, key: str, path: Path) -> None:
        """Move the local file to ``key``, which appears complete or not at all."""

    def get(self, key: str, path: Path) -> None:
        """Copy ``key`` to the local file ``path``."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes [start, end) of ``key`` in chunks; raises at once if the key is missing."""

    def size(self, key: str) -> int:
        """Bytes at ``key``."""

    def check(self) -> None:
        """Raise if nothing could be put: the bucket or folder is missing or does not answer."""

    def delete(self, prefix: str) -> None:
        """Delete every key that starts with ``prefix``; none is no error, a key that is left is."""

    def url(self, key: str, filename: str) -> str | None:
        """A link that works without the service for an hour, or None where the store has none."""


class DirectoryStore:
    """Keys are paths below a folder; ``put`` renames, so nothing is ever half there."""

    def __init__(self, root: Path):
        self.root = root.resolve()

    def _path(self, key: str) -> Path:
        # Resolved, so that neither ".." nor a link can lead out of the folder.
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError(f"key {key!r} leaves the store")
        return path

    def put(self, key: str, path: Path) -> None:
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Staged beside the target: a rename within a folder is atomic, a move between disks not.
        staged = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(6).hex()}")
        try:
            shutil.move(path, staged)
            os.replace(staged, target)
        finally:
            staged.unlink(missing_ok=True)

    def get(self, key: str, path: Path) -> None:
        shutil.copyfile(self._path(key), path)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        file = self._path(key).open("rb")
        return _chunks(file, start, end)

    def size(self, key: str) -> int:
        return self._path(key).stat().st_size

    def check(self) -> None:
        if not self.root.is_dir():
            raise FileNotFoundError(self.root)

    def delete(self, prefix: str) -> None:
        path = self._path(prefix)
        if prefix.endswith("/"):
            while path.exists():
                # Another process may delete the same files; what cannot be deleted is an error.
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(path)
            return
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink(missing_ok=True)

    def url(self, key: str, filename: str) -> str | None:
        return None


def _chunks(file: Any, start: int, end: int | None) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = None if end is None else end - start
        while left is None or left > 0:
            chunk = file.read(CHUNK if left is None else min(CHUNK, left))
            if not chunk:
                return
            left = left if left is None else left - len(chunk)
            yield chunk


class S3Store:
    """Keys are object keys of one bucket, which is created when it is missing."""

    def __init__(self, settings: Settings):
        self.bucket = settings.s3_bucket
        self.client = _s3_client(settings, settings.s3_endpoint_url)
        self.public_client = _s3_client(
            settings, settings.s3_public_endpoint_url or settings.s3_endpoint_url
        )

    def ensure_bucket(self) -> None:
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except ClientError:
            with contextlib.suppress(self.client.exceptions.BucketAlreadyOwnedByYou):
                self.client.create_bucket(Bucket=self.bucket)

    def put(self, key: str, path: Path) -> None:
        self.client.upload_file(str(path), self.bucket, key)
        path.unlink()

    def get(self, key: str, path: Path) -> None:
        with _missing(key):
            self.client.download_file(self.bucket, key, str(path))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if end is not None and end <= start:
            self.size(key)
            return iter(())
        wanted = (
            {}
            if start == 0 and end is None
            else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        )
        try:
            with _missing(key):
                body = self.client.get_object(Bucket=self.bucket, Key=key, **wanted)["Body"]
        except ClientError as error:
            # S3 refuses a range that starts after the end; a slice of bytes would be empty.
            if error.response["Error"]["Code"] != "InvalidRange":
                raise
            return iter(())
        return iter(body.iter_chunks(CHUNK))

    def size(self, key: str) -> int:
        with _missing(key):
            return int(self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"])

    def check(self) -> None:
        self.client.head_bucket(Bucket=self.bucket)

    def delete(self, prefix: str) -> None:
        for page in self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        ):
            if keys := [{"Key": item["Key"]} for item in page.get("Contents", ())]:
                done = self.client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True}
                )
                # delete_objects answers 200 even where it deleted nothing.
                for failure in done.get("Errors", ()):
                    raise ClientError({"Error": failure}, "DeleteObjects")

    def url(self, key: str, filename: str) -> str | None:
        params = {
            "Bucket": self.bucket,
            "Key": key,
            "ResponseContentDisposition": attachment(filename),
        }
        return str(
            self.public_client.generate_presigned_url("get_object", Params=params, ExpiresIn=3600)
        )


def _s3_client(settings: Settings, endpoint: str) -> Any:
    # botocore's own timeouts are a minute each, which would hold a request's thread that long.
    patience = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 5}}
    return boto3.client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id or None,
        aws_secret_access_key=settings.s3_secret_access_key.get_secret_value() or None,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, **patience),
    )


@contextlib.contextmanager
def _missing(key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            raise FileNotFoundError(key) from error
        raise


def open_store(settings: Settings) -> Store:
    """The S3 store if a bucket is set, else the folder ``store`` in the data folder.

    A missing bucket or folder is created.
    """
    if not settings.s3_bucket:
        root = settings.data_dir / "store"
        root.mkdir(parents=True, exist_ok=True)
        return DirectoryStore(root)
    store = S3Store(settings)
    store.ensure_bucket()
    return store
