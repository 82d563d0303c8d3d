"""How far a job is, as it travels from the child process to the event stream."""

from pydantic import BaseModel, ConfigDict, Field


class ProgressEvent(BaseModel):
    """How far a job is, as the child process prints it and as the event stream relays it."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    stage: str = Field(max_length=40)
    progress: float = Field(ge=0, le=1, description="Of the whole job.")
    eta_seconds: float | None = Field(None, ge=0, le=10**9)
    epoch: int | None = Field(None, ge=0, le=10**6)
    epochs: int | None = Field(None, ge=0, le=10**6)
    metrics: dict[str, float] = Field(
        default_factory=dict, max_length=200, description="E.g. top-1 per student after an epoch."
    )
    message: str = Field("", max_length=500)
