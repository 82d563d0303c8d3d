"""Where a file comes from: in the report and in the file's own metadata."""

import hashlib
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from workers.compression.origin import Origin
from workers.compression.values import Json, Spec


@dataclass(frozen=True)
class Provenance(Origin):
    """An origin with the SHA-256 of both uploads, the engine's version, and the stated license."""

    teacher_sha256: str
    dataset_sha256: str
    version: str
    license: str | None

    @classmethod
    def of(cls, origin: Origin, model: Path, dataset: Path, spec: Spec) -> "Provenance":
        """Of a job on these two files."""
        digests = (_sha256(model), _sha256(dataset))
        return cls(origin.job, origin.date, *digests, _version(), spec["license"])

    def to_json(self) -> Json:
        """The report's section "provenance"."""
        return asdict(self)

    def __str__(self) -> str:
        job = f", job {self.job}" if self.job else ""
        return (
            f"learn2compress {self.version}, {self.date}{job}, teacher SHA-256"
            f" {self.teacher_sha256}, data SHA-256 {self.dataset_sha256}"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version() -> str:
    try:
        return version("learn2compress")
    except PackageNotFoundError:
        return "unknown"
