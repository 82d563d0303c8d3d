"""A worker's lane finds its job also among others that look at the same moment."""

from collections.abc import Callable

from service.contract.devices import Device
from service.contract.records import Sessions
from tests.workers.conftest import WorkerUnderTest
from workers.claim_order import next_compression
from workers.lanes import supervise_next
from workers.lease import claim


def overtaken(times: int) -> Callable[[Sessions], str | None]:
    """Chooses as a worker does; another worker claims each of the first choices."""
    chosen = list[str | None]()

    def choose(sessions: Sessions) -> str | None:
        job_id = next_compression(sessions, Device.CPU)
        chosen.append(job_id)
        if job_id and len(chosen) <= times:
            assert claim(sessions, job_id, seconds=60)
        return job_id

    return choose


def test_a_worker_that_is_overtaken_chooses_again(worker: WorkerUnderTest) -> None:
    jobs = [worker.job() for _ in range(4)]
    assert supervise_next(worker.context, overtaken(times=3))
    assert [worker.row(job_id).state for job_id in jobs] == ["running"] * 3 + ["succeeded"]


def test_a_worker_that_is_overtaken_at_the_last_job_has_none(worker: WorkerUnderTest) -> None:
    worker.job()
    worker.job()
    assert not supervise_next(worker.context, overtaken(times=2))
