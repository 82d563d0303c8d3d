"""Kinds of machine that jobs ask for, and the queues of their notifications; both ends use them."""

from enum import StrEnum

RUN_JOB = "l2c.run_job"
"""Celery's task."""


class Device(StrEnum):
    """``any``: the job runs on every worker."""

    ANY = "any"
    CPU = "cpu"
    GPU = "gpu"


def taken_by(worker: Device) -> tuple[Device, Device]:
    """The devices of the jobs that a worker with this device takes."""
    return Device.ANY, worker


def queue_of(device: str) -> str:
    """Celery's queue for the notifications of jobs that ask for ``device``."""
    return f"l2c.jobs.{device}"
