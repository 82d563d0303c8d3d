"""The keys of stored objects, in one place."""


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
