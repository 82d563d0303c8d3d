"""The whole way with all processes of production."""

from pathlib import Path
from typing import Any

from migrations import upgrade
from service.contract.settings import Settings
from tests.journey.journey import SERVE, check, client, compress, process
from tests.server_processes import free_port

WORKER = [
    "-m",
    "celery",
    "-A",
    "workers.tasks",
    "worker",
    "--pool",
    "prefork",
    "--concurrency",
    "1",
]


def test_a_job_goes_the_whole_way_through_celery_redis_postgresql_and_s3(
    example: Path, tmp_path: Path, redis_url: str, postgres_database: str, s3: dict[str, Any]
) -> None:
    settings = Settings(
        data_dir=tmp_path,
        database_url=postgres_database,
        redis_url=redis_url,
        port=free_port(),
        reap_seconds=1,
        **s3,
    )
    upgrade(settings.database)
    with process(settings, *SERVE), process(settings, *WORKER), client(settings) as api:
        check(api, compress(api, example))
    assert list(settings.work_dir.iterdir()) == []
