"""The table of workers; ``records`` has it, too."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from service.contract.devices import Device
from service.contract.record_base import Base


class WorkerRecord(Base):
    """A worker's process. ``job_id`` is its job now, which may be deleted: nothing links to it."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    version: Mapped[str]
    sandbox: Mapped[str]
    device: Mapped[str] = mapped_column(default=Device.CPU)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    job_id: Mapped[str | None]
    draining: Mapped[bool] = mapped_column(default=False)
