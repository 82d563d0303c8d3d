"""The job that files are made for."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Origin:
    """The id of the job, and the day on which it was created, as YYYY-MM-DD."""

    job: str | None
    date: str

    @classmethod
    def local(cls) -> "Origin":
        """Without a service: no job, and today."""
        return cls(None, datetime.now(UTC).date().isoformat())
