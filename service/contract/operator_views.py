"""What operators are shown of jobs and workers, across accounts."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class OperatorJob(BaseModel):
    """A job or an inspection, with the name of its account."""

    model_config = ConfigDict(from_attributes=True, frozen=True)
    id: str
    account: str
    kind: str
    name: str
    state: str
    stage: str
    progress: float
    attempts: int
    failures: int
    device: str
    code: str | None
    created_at: datetime
    finished_at: datetime | None


class WorkerView(BaseModel):
    """``state`` is ``lost`` without a heartbeat for 30 s."""

    model_config = ConfigDict(from_attributes=True, frozen=True)
    id: str
    host: str
    version: str
    sandbox: str
    device: str
    state: Literal["idle", "busy", "draining", "lost"]
    job_id: str | None
    started_at: datetime
    seen_at: datetime
